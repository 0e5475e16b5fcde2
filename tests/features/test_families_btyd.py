"""The summary of Fader, Hardie & Lee, worked out by hand."""

from __future__ import annotations

from datetime import date
from math import nan
from typing import Any

import pytest

AS_OF = date(2025, 7, 1)


@pytest.fixture(scope="module")
def shop(open_lasting_shop: Any, lines: Any) -> Any:
    orders = lines(
        ("A1", "ann", "tea", "2025-01-01 10:30", 2, 22),
        ("A2", "ann", "tea", "2025-03-02 12:00", 1, 10),
        ("A3", "ann", "jam", "2025-03-02 16:00", 4, 5),
        ("A4", "ann", "tea", "2025-03-12 23:59", 1, 10),
        ("B1", "bob", "tea", "2025-06-30", 1, 10),
        ("C1", "cid", "mug", "2025-01-01", 1, 30),
        ("C2", "cid", "tea", "2025-02-01", 1, 10),
        ("C3", "cid", "tea", "2025-03-01", 1, 20),
        ("C1", "cid", "mug", "2025-03-05", -1, 30),
        ("D1", "dot", "tea", "2025-02-01", 1, 10),
        ("D1", "dot", "tea", "2025-02-03", -1, 10),
    )
    return open_lasting_shop({"orders": orders})


def summary(shop: Any, customer: str, as_of: date = AS_OF) -> list[float]:
    """x, t_x, T and the mean value of repeat transactions."""
    vector = shop.vector(customer, as_of)
    names = ("btyd_frequency", "btyd_recency_days", "btyd_age_days", "btyd_value_mean")
    return [vector[name] for name in names]


def test_repeat_days_are_counted_from_the_first(shop: Any) -> None:
    # Two orders on 2 March are one transaction of 30; the first, of 44, is no repeat.
    assert summary(shop, "ann") == [2, 70, 181, (30 + 10) / 2]


def test_one_transaction_is_no_repeat(shop: Any) -> None:
    assert summary(shop, "bob") == pytest.approx([0, 0, 1, nan], nan_ok=True)


def test_an_order_that_was_undone_is_no_transaction(shop: Any) -> None:
    assert summary(shop, "cid", date(2025, 3, 5)) == [2, 59, 63, (10 + 20) / 2]
    assert summary(shop, "cid") == [1, 28, 150, 20]
    assert summary(shop, "dot") == pytest.approx([nan] * 4, nan_ok=True)
