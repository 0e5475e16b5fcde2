"""What is new and what is habit in a basket, and how spend is spread, at every cutoff."""

from __future__ import annotations

from datetime import date, timedelta
from math import nan
from typing import Any

import numpy as np
import pandas as pd
import pytest

AS_OF = date(2025, 7, 1)
DAY = timedelta(days=1)
CATEGORIES = {"tea": "drinks", "mug": "home", "jam": "food", "pen": "home"}


@pytest.fixture(scope="module")
def products() -> pd.DataFrame:
    return pd.DataFrame({"product_id": list(CATEGORIES), "category": list(CATEGORIES.values())})


@pytest.fixture(scope="module")
def shop(open_lasting_shop: Any, lines: Any, products: pd.DataFrame) -> Any:
    rows = [
        ("1", "ann", "tea", "2024-03-01", 1, 10, None),
        ("1", "ann", "mug", "2024-03-01", 1, 10, None),
        ("2", "ann", "tea", "2024-12-01", 1, 10, None),
        ("2", "ann", "jam", "2024-12-01", 1, 10, None),
        ("3", "ann", "tea", "2025-05-01", 1, 10, None),
        ("3", "ann", "jam", "2025-05-01", 1, 10, None),
        ("3", "ann", "pen", "2025-05-01 09:00", 1, 10, None),
        ("3", "ann", "pen", "2025-05-01 10:00", 2, 10, None),  # the same bought line
        ("3", "ann", "jam", "2025-05-09", -1, 10, None),
        ("4", "bob", "tea", "2024-03-01", 1, 10, None),
        ("5", "cid", "tea", "2025-06-10", 1, 10, None),
        ("6", "cid", "tea", "2025-01-05", 1, 10, "2025-06-20"),  # came to light late
    ]
    late = pd.to_datetime([row[-1] for row in rows])
    orders = lines(*(row[:-1] for row in rows), available_at=late)
    return open_lasting_shop({"orders": orders, "products": products})


def assert_values(vector: Any, **expected: Any) -> None:
    found = {name: vector[name] for name in expected}
    assert found == pytest.approx(expected, abs=1e-6, rel=0, nan_ok=True)


def test_a_product_is_new_in_the_first_order_with_it(shop: Any) -> None:
    # Seven bought lines: two, two and three. Jam was new in the second order, the pen in the third.
    assert_values(
        shop.vector("ann", AS_OF),
        products_bought=4,
        categories_bought=3,
        repeat_product_share=3 / 7,
        new_product_share_90d=1 / 3,
        new_product_share_365d=2 / 5,
    )


def test_the_top_product_is_that_of_most_bought_lines(shop: Any) -> None:
    assert_values(shop.vector("ann", AS_OF), top_product_share=3 / 7)
    assert_values(shop.vector("bob", AS_OF), top_product_share=1)


def test_categories_are_counted_by_order(shop: Any) -> None:
    # Drinks and home, drinks and food, and all three.
    assert_values(shop.vector("ann", AS_OF), categories_per_order=7 / 3)


def test_who_bought_nothing_lately_has_no_share_of_new_products(shop: Any) -> None:
    assert_values(shop.vector("bob", AS_OF), new_product_share_90d=nan, new_product_share_365d=nan)


def test_the_first_line_is_the_one_that_was_known_first(shop: Any) -> None:
    before = shop.vector("cid", date(2025, 6, 15))
    assert_values(before, new_product_share_90d=1, top_product_share=1, products_bought=1)
    after = shop.vector("cid", AS_OF)
    assert_values(after, new_product_share_90d=1, new_product_share_365d=1 / 2, products_bought=1)


def test_sums_of_firsts_are_distinct_counts_at_every_cutoff(
    open_shop: Any, lines: Any, products: pd.DataFrame
) -> None:
    """However late records come in; counted anew here, from the records known by each cutoff."""
    rng, first = np.random.default_rng(4), date(2025, 1, 1)
    days = rng.integers(0, 90, 60)
    rows = [
        (str(rng.integers(0, 9)), "eve", str(rng.choice(list(CATEGORIES))), first + n * DAY, 1, 10)
        for n in days.tolist()
    ]
    nights_late = rng.choice([0, 0, 3, 40], len(rows))
    orders = lines(*((*row[:3], str(row[3]), *row[4:]) for row in rows))
    orders["available_at"] = orders["ts"] + pd.to_timedelta(nights_late, unit="D")
    shop = open_shop({"orders": orders, "products": products})
    cutoffs = [first + n * DAY for n in (20, 45, 70, 140)]
    frame = shop.vectors(*cutoffs).frame.set_index("as_of")
    for cutoff in cutoffs:
        known = orders[orders["available_at"] < pd.Timestamp(cutoff)]
        bought = known.drop_duplicates(["order_id", "product_id", "ts", "available_at"])
        category = bought["product_id"].map(CATEGORIES)
        n_products, n_orders = bought["product_id"].nunique(), bought["order_id"].nunique()
        # All lines cost the same: shares of spend are shares of lines.
        spent = known["product_id"].map(CATEGORIES).value_counts(normalize=True)
        assert_values(
            frame.loc[cutoff],
            products_bought=n_products,
            categories_bought=category.nunique(),
            category_entropy=-(spent * np.log(spent)).sum(),
            top_category_share=spent.max(),
            product_dependency=((spent**2).sum() - 1 / len(spent)) / (1 - 1 / len(spent)),
            repeat_product_share=1 - n_products / len(bought),
            top_product_share=bought["product_id"].value_counts().max() / len(bought),
            categories_per_order=len(set(zip(bought["order_id"], category, strict=True)))
            / n_orders,
        )
