"""Labels over several horizons at once: one moment judges them all."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pandas as pd
import pytest

from features.labels import build_labels, build_labels_at_horizons
from features.settings import ShopSettings

AS_OF = date(2025, 3, 1)


def on(days: int) -> str:
    """The day that lies so many days after the cutoff."""
    return str(AS_OF + timedelta(days=days))


# What each customer, named by the case, did after an order ten days before the cutoff:
# (order, when, quantity, price).
LATER: dict[str, list[tuple[Any, ...]]] = {
    "on the cutoff": [("1", on(0), 1, 7)],
    "last day of the shorter": [("1", on(29), 1, 7)],
    "end of the shorter": [("1", on(30), 1, 7)],
    "end of the longer": [("1", on(60), 1, 7)],
    "once in each": [("1", on(3), 1, 7), ("2", on(40), 1, 5)],
    "returned in between": [("1", on(3), 1, 7), ("1", on(45), -1, 7)],
    "returned after both": [("1", on(3), 1, 7), ("1", on(60), -1, 7)],
    "nothing": [],
}


@pytest.fixture(scope="module")
def shop(open_lasting_shop: Any, lines: Any) -> Any:
    """All of revenue is margin, so that prices can be read off."""
    rows = [
        (f"{name}-{order}", name, "tea", when, quantity, price)
        for name, later in LATER.items()
        for order, when, quantity, price in [("0", on(-10), 1, 10), *later]
    ]
    return open_lasting_shop({"orders": lines(*rows)}, shop=ShopSettings(margin_rate=1.0))


def at(shop: Any, *horizons_days: int, cutoffs: tuple[date, ...] = (AS_OF,)) -> pd.DataFrame:
    return build_labels_at_horizons(
        shop.engine,
        shop.prepared.rollups,
        cutoffs,
        horizons_days,
        lookback_days=365,
        yearly_discount_rate=0.1,
    )


@pytest.fixture(scope="module")
def orders(shop: Any) -> pd.DataFrame:
    """Orders by customer, a column for each horizon."""
    return at(shop, 30, 60).pivot_table("orders_next", "customer_id", "horizon_days")


@pytest.mark.parametrize(
    ("customer", "shorter", "longer"),
    [
        ("on the cutoff", 1, 1),
        ("last day of the shorter", 1, 1),
        ("end of the shorter", 0, 1),
        ("end of the longer", 0, 0),
        ("once in each", 1, 2),
        ("returned in between", 0, 0),
        ("returned after both", 1, 1),
        ("nothing", 0, 0),
    ],
)
def test_each_horizon_holds_its_start_and_not_its_end(
    orders: pd.DataFrame, customer: str, shorter: int, longer: int
) -> None:
    assert orders.loc[customer].to_dict() == {30: shorter, 60: longer}


def test_an_order_returned_later_counts_only_where_the_horizon_is_judged_by_itself(
    shop: Any,
) -> None:
    together = at(shop, 30, 60).set_index(["customer_id", "horizon_days"])["churned"]
    alone = at(shop, 30).set_index("customer_id")["churned"]
    assert together["returned in between", 30] == 1
    assert alone["returned in between"] == 0


def test_margin_is_that_of_the_horizon(shop: Any) -> None:
    margin = at(shop, 30, 60).set_index(["customer_id", "horizon_days"])["margin_next"]
    first, second = 7 * 1.1 ** (-3 / 365), 5 * 1.1 ** (-40 / 365)
    assert margin["once in each", 30] == pytest.approx(first, abs=1e-6)
    assert margin["once in each", 60] == pytest.approx(first + second, abs=1e-6)
    assert margin["returned in between", 60] == 0.0


def test_the_longest_horizon_is_the_same_as_by_itself(shop: Any) -> None:
    cutoffs = (AS_OF, AS_OF + timedelta(days=9))
    several = at(shop, 60, 15, 30, cutoffs=cutoffs).query("horizon_days == 60")
    alone = build_labels(
        shop.engine,
        shop.prepared.rollups,
        cutoffs,
        60,
        lookback_days=365,
        yearly_discount_rate=0.1,
    )
    expected = several.drop(columns="horizon_days").reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, expected, check_exact=True)


def test_rows_are_sorted_by_customer_cutoff_and_horizon(shop: Any) -> None:
    frame = at(shop, 60, 30, 60, cutoffs=(AS_OF + timedelta(days=9), AS_OF))
    keys = ["customer_id", "as_of", "horizon_days"]
    assert len(frame) == len(LATER) * 2 * 2
    pd.testing.assert_frame_equal(frame, frame.sort_values(keys, ignore_index=True))
    assert frame["customer_id"].dtype == "str"
