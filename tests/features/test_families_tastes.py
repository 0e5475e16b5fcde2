"""The categories that a customer buys most of, as each cutoff knew them."""

from __future__ import annotations

from datetime import date
from math import nan
from typing import Any

import pandas as pd
import pytest

EARLY, LATE = date(2025, 2, 1), date(2025, 7, 1)
CATEGORIES = {"tea": "drinks", "mug": "home", "jam": "food", "pen": "office", "gift": None}


@pytest.fixture(scope="module")
def shop(open_lasting_shop: Any, lines: Any) -> Any:
    products = pd.DataFrame({"product_id": list(CATEGORIES), "category": list(CATEGORIES.values())})
    rows = [
        ("1", "ann", "mug", "2025-01-01", 1, 900),  # dear, and yet one line
        ("1", "ann", "gift", "2025-01-01", 1, 10),  # of no known category
        ("2", "ann", "tea", "2025-03-01", 5, 10),
        ("3", "ann", "tea", "2025-04-01", 1, 10),
        ("3", "ann", "jam", "2025-04-01", 1, 10),
        ("3", "ann", "pen", "2025-04-01", 1, 10),
        ("4", "ann", "pen", "2025-07-01", 1, 10),  # on the cutoff: too late
        ("5", "bob", "gift", "2025-01-05", 1, 10),
    ]
    return open_lasting_shop({"orders": lines(*rows), "products": products})


def tastes(vector: Any) -> list[tuple[Any, float]]:
    return [
        (vector[f"{rank}_category"], vector[f"{rank}_category_share"])
        for rank in ("favourite", "second", "third")
    ]


def test_categories_come_by_lines_bought_and_ties_by_name(shop: Any) -> None:
    assert tastes(shop.vector("ann", LATE)) == [
        ("drinks", pytest.approx(2 / 5, abs=1e-6)),
        ("food", pytest.approx(1 / 5, abs=1e-6)),
        ("home", pytest.approx(1 / 5, abs=1e-6)),
    ]


def test_one_category_leaves_no_second(shop: Any) -> None:
    (favourite, share), second, third = tastes(shop.vector("ann", EARLY))
    assert (favourite, share) == ("home", 1)
    for name, part in (second, third):
        assert pd.isna(name)
        assert part == pytest.approx(nan, nan_ok=True)


def test_products_without_a_known_category_show_no_taste(shop: Any) -> None:
    assert all(pd.isna(name) and pd.isna(part) for name, part in tastes(shop.vector("bob", LATE)))
