"""Next products: what is bought within the horizon, and what of it is new to the customer."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pandas as pd
import pytest

from features.family import AGE_DAYS
from features.labels import known_purchases, next_products
from features.vectors import register_cutoffs

AS_OF = date(2025, 3, 1)
HORIZON_DAYS = 30


def day(days: int) -> date:
    """The day that lies so many days after the cutoff."""
    return AS_OF + timedelta(days=days)


# (order, customer, product, days from the cutoff, units, days until known)
LINES = [
    ("1", "ann", "tea", -40, 1, 0),
    ("1", "ann", "mug", -40, 1, 0),
    ("2", "ann", "jam", -30, 1, 0),  # void by the cutoff
    ("2", "ann", "jam", -20, -1, 0),
    ("3", "ann", "pot", -5, 1, 6),  # the cutoff does not know of it yet
    ("4", "ann", "tea", 0, 2, 0),
    ("4", "ann", "jam", 0, 1, 0),
    ("4", "ann", "jam", 4, -1, 0),  # the rest of order 4 stands
    ("5", "ann", "tea", 29, 3, 0),
    ("5", "ann", "pot", 29, 1, 0),
    ("6", "ann", "mug", 30, 1, 0),  # a day too late
    ("7", "bob", "tea", -10, 1, 0),
    ("8", "bob", "mug", 5, 1, 0),  # void by the end of the horizon
    ("8", "bob", "mug", 29, -1, 0),
    ("9", "cid", "tea", -10, 1, 0),
    ("10", "cid", "mug", 5, 1, 0),  # void, but only after the horizon
    ("10", "cid", "mug", 30, -1, 0),
    ("11", "cid", "pot", 6, 1, 60),  # learned of long after
    ("12", "dot", "tea", 3, 1, 0),  # not of the population: no order before the cutoff
    ("13", "eve", "tea", -10, 1, 0),  # known to be void from the day after the cutoff
    ("13", "eve", "tea", 1, -1, 0),
    ("14", "eve", "tea", 20, 1, 0),
    ("15", "fay", "tea", -1, 1, 0),
    ("15", "fay", "mug", 1, 1, 0),
    ("16", "gus", "tea", -10, 1, 0),  # void on the cutoff itself, which does not know it yet
    ("16", "gus", "tea", 0, -1, 0),
    ("17", "gus", "tea", 20, 1, 0),
    ("18", "gus", "mug", 5, 1, 0),  # void, beside an order that stands
    ("18", "gus", "mug", 25, -1, 0),
]


@pytest.fixture(scope="module")
def shop(open_lasting_shop: Any, lines: Any) -> Any:
    rows = [
        (order, customer, product, str(day(days)), units, 10)
        for order, customer, product, days, units, _ in LINES
    ]
    known = pd.to_datetime([day(days + late) for *_, days, _, late in LINES])
    return open_lasting_shop({"orders": lines(*rows, available_at=known)})


def products(shop: Any, *cutoffs: date, lookback_days: int = 365) -> pd.DataFrame:
    return next_products(
        shop.engine, shop.prepared.rollups, cutoffs, HORIZON_DAYS, lookback_days=lookback_days
    )


@pytest.fixture(scope="module")
def bought(shop: Any) -> pd.DataFrame:
    return products(shop, AS_OF).set_index(["customer_id", "product_id"])


def test_one_row_per_product_bought_with_its_first_day_and_units(bought: pd.DataFrame) -> None:
    columns = ["as_of", "first_day", "units", "is_new"]
    assert {key: tuple(row) for key, row in bought[columns].iterrows()} == {
        ("ann", "jam"): (AS_OF, day(0), 1.0, 1),
        ("ann", "pot"): (AS_OF, day(29), 1.0, 1),
        ("ann", "tea"): (AS_OF, day(0), 5.0, 0),
        ("cid", "mug"): (AS_OF, day(5), 1.0, 1),
        ("cid", "pot"): (AS_OF, day(6), 1.0, 1),
        ("eve", "tea"): (AS_OF, day(20), 1.0, 0),
        ("gus", "tea"): (AS_OF, day(20), 1.0, 0),
    }


def test_who_churned_bought_nothing_and_the_others_something(
    shop: Any, bought: pd.DataFrame
) -> None:
    labels = shop.labels(AS_OF, horizon_days=HORIZON_DAYS)
    stayed = set(labels.index[labels["churned"] == 0])
    assert stayed == set(bought.index.get_level_values("customer_id"))
    assert "bob" in labels.index[labels["churned"] == 1]


def test_the_population_ordered_within_the_look_back(shop: Any) -> None:
    assert set(products(shop, AS_OF, lookback_days=39)["customer_id"]) == {"cid", "eve", "gus"}
    wider = set(products(shop, AS_OF, lookback_days=40)["customer_id"])
    assert wider == {"ann", "cid", "eve", "gus"}


def test_a_later_cutoff_knows_what_the_earlier_did_not(shop: Any) -> None:
    both = products(shop, day(2), AS_OF).set_index(["customer_id", "as_of", "product_id"])
    assert both.loc["ann", AS_OF].loc["pot", "is_new"] == 1
    assert both.loc["ann", day(2)].loc["pot", "is_new"] == 0
    assert "eve" not in both.xs(day(2), level="as_of").index  # the only order is void by then
    assert both.index.is_monotonic_increasing


def test_several_cutoffs_are_the_same_as_one_at_a_time(shop: Any) -> None:
    cutoffs = [day(-7), AS_OF, day(6)]
    single = pd.concat([products(shop, cutoff) for cutoff in cutoffs])
    single = single.sort_values(["customer_id", "as_of", "product_id"], ignore_index=True)
    pd.testing.assert_frame_equal(products(shop, *cutoffs), single, check_exact=True)


def test_where_nobody_buys_the_frame_is_empty_and_keeps_its_columns(shop: Any) -> None:
    nothing = products(shop, day(60))
    assert nothing.empty
    assert list(nothing.columns) == list(products(shop, AS_OF).columns)
    assert nothing["product_id"].dtype == "str"


def test_purchases_before_a_cutoff_are_those_of_orders_that_stood_by_then(shop: Any) -> None:
    cutoffs = register_cutoffs(shop.engine, [AS_OF])
    known = shop.engine.frame(known_purchases(shop.prepared.rollups, cutoffs))
    rows = known[["customer_id", "product_id", "order_id", AGE_DAYS, "units"]]
    assert sorted(rows.itertuples(index=False, name=None)) == [
        ("ann", "mug", "1", 40, 1.0),
        ("ann", "tea", "1", 40, 1.0),
        ("bob", "tea", "7", 10, 1.0),
        ("cid", "tea", "9", 10, 1.0),
        ("eve", "tea", "13", 10, 1.0),
        ("fay", "tea", "15", 1, 1.0),
        ("gus", "tea", "16", 10, 1.0),
    ]


def test_a_line_added_to_an_order_from_before_is_no_new_order(
    shop: Any, bought: pd.DataFrame
) -> None:
    """Orders are the unit of a purchase, as for churn."""
    assert "fay" not in bought.index.get_level_values("customer_id")
    assert shop.labels(AS_OF, horizon_days=HORIZON_DAYS).loc["fay", "churned"] == 1
