"""The simulated shop's tables: shapes, keys, and what can and cannot happen in a shop."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from features.errors import SettingsError
from features.simulate import ShopPlan, SimulatedChunk, simulate
from features.simulation.contracts import PASSES
from features.vocabulary import TABLES
from features.vocabulary import Columns as C

PLAN = ShopPlan(n_customers=4_000, seed=3)
TABLE_NAMES = sorted(TABLES)
DATED = ("orders", "events", "surveys", "contacts", "costs", "points", "referrals")
PANDAS_TYPES = {
    "string": "str",
    "timestamp": "datetime64[us]",
    "float64": "float64",
    "int64": "int64",
    "boolean": "bool",
}


@pytest.fixture(scope="module")
def shop() -> SimulatedChunk:
    return next(simulate(PLAN))


@pytest.fixture(scope="module")
def sales(shop: SimulatedChunk) -> pd.DataFrame:
    orders = shop.tables["orders"]
    return orders[orders[C.QUANTITY] > 0]


def every_table(plan: ShopPlan, chunk_customers: int) -> dict[str, pd.DataFrame]:
    chunks = list(simulate(plan, chunk_customers))
    first = {f"truth/{name}": table for name, table in chunks[0].truth.items()} | chunks[0].tables
    for chunk in chunks[1:]:
        later = {f"truth/{name}": table for name, table in chunk.truth.items()} | chunk.tables
        for name, table in later.items():
            first[name] = pd.concat([first[name], table], ignore_index=True)
    return first


def test_the_same_plan_is_the_same_shop_whatever_the_chunks() -> None:
    plan = ShopPlan(n_customers=2_300, seed=5, days=200)
    small, large = every_table(plan, 1_000), every_table(plan, 10_000)
    assert small.keys() == large.keys()
    for name, table in small.items():
        assert_frame_equal(table, large[name])


def test_a_larger_shop_contains_the_smaller_one() -> None:
    plan = ShopPlan(n_customers=1_000, seed=5, days=400)
    small = next(simulate(plan))
    large = next(simulate(replace(plan, n_customers=2_000), 1_000))
    for name in TABLE_NAMES:
        assert_frame_equal(small.tables[name], large.tables[name])
    for name, table in small.truth.items():
        assert_frame_equal(table, large.truth[name])


def test_another_seed_is_another_shop() -> None:
    plan = ShopPlan(n_customers=1_000, seed=5, days=200)
    one, other = (next(simulate(replace(plan, seed=seed))).tables for seed in (5, 6))
    for name in set(TABLE_NAMES) - {"offers"}:
        assert not one[name].head(20).equals(other[name].head(20)), name


def test_chunks_hold_their_own_customers_and_catalogues_come_once() -> None:
    plan = ShopPlan(n_customers=2_300, seed=5, days=120)
    chunks = list(simulate(plan, 1_000))
    assert [chunk.n_customers for chunk in chunks] == [1_000, 1_000, 300]
    assert ["products" in chunk.tables for chunk in chunks] == [True, False, False]
    assert ["complements" in chunk.truth for chunk in chunks] == [True, False, False]
    for chunk in chunks:
        own = set(chunk.tables["customers"][C.CUSTOMER_ID])
        assert set(chunk.tables["events"][C.CUSTOMER_ID]) <= own


@pytest.mark.parametrize("change", [{"n_customers": 0}, {"days": 30}])
def test_an_impossible_plan_is_refused_with_a_remedy(change: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="Remedy: Ask for at least"):
        replace(PLAN, **change)


def test_an_unknown_mailing_is_refused_with_those_there_are() -> None:
    mailing: Any = "hourly"
    with pytest.raises(SettingsError, match="Remedy: Choose one of: monthly, weekly"):
        replace(PLAN, mailing=mailing)


def test_every_table_of_the_vocabulary_is_there(shop: SimulatedChunk) -> None:
    assert sorted(shop.tables) == TABLE_NAMES
    assert all(len(table) for table in shop.tables.values())


@pytest.mark.parametrize("name", TABLE_NAMES)
def test_tables_use_the_vocabulary(shop: SimulatedChunk, name: str) -> None:
    table, spec = shop.tables[name], TABLES[name]
    assert set(spec.required) <= set(table.columns)
    assert not table[list(spec.required)].isna().any(axis=None)
    for column in table.columns:
        pandas_type = str(table[column].dtype).replace("Int", "int")  # Int64 may miss values
        assert pandas_type == PANDAS_TYPES[spec.column(column).type], column
    if spec.key:
        assert not table.duplicated(list(spec.key)).any()


@pytest.mark.parametrize("name", TABLE_NAMES)
def test_all_ids_are_known(shop: SimulatedChunk, name: str) -> None:
    table = shop.tables[name]
    customers, products = shop.tables["customers"][C.CUSTOMER_ID], shop.tables["products"]
    held = [each.product_id for each in PASSES]
    for key, known in (
        (C.CUSTOMER_ID, customers),
        (C.REFERRED_CUSTOMER_ID, customers),
        (C.PRODUCT_ID, held if name == "contracts" else products[C.PRODUCT_ID]),
    ):
        if key in table:
            assert table[key].dropna().isin(known).all()
    if C.ORDER_ID in table:
        bought_by = shop.tables["orders"].groupby(C.ORDER_ID)[C.CUSTOMER_ID].first()
        assert (table[C.ORDER_ID].map(bought_by) == table[C.CUSTOMER_ID]).all()


@pytest.mark.parametrize("name", DATED)
def test_everything_happens_within_the_history_and_after_signing_up(
    shop: SimulatedChunk, name: str
) -> None:
    table = shop.tables[name]
    signed_up = shop.tables["customers"].set_index(C.CUSTOMER_ID)[C.SIGNED_UP_AT]
    assert table[C.TS].min() >= pd.Timestamp(PLAN.start)
    for column in {C.TS, C.OPENED_AT, C.ACCEPTED_AT, C.AVAILABLE_AT} & set(table.columns):
        assert (table[column].dropna() < pd.Timestamp(PLAN.end)).all()
    assert (table[C.TS] >= table[C.CUSTOMER_ID].map(signed_up)).all()


def test_a_customer_is_won_by_the_first_order(shop: SimulatedChunk, sales: pd.DataFrame) -> None:
    signed_up = shop.tables["customers"].set_index(C.CUSTOMER_ID)[C.SIGNED_UP_AT]
    arrived = signed_up[signed_up >= pd.Timestamp(PLAN.start)]
    first_order = sales.groupby(C.CUSTOMER_ID)[C.TS].min().reindex(arrived.index)
    assert (first_order.dt.normalize() == arrived.dt.normalize()).all()
    assert 0.2 < 1 - len(arrived) / len(signed_up) < 0.3


def test_an_order_is_one_customer_at_one_time_with_each_product_once(sales: pd.DataFrame) -> None:
    orders = sales[[C.ORDER_ID, C.TS, C.CUSTOMER_ID]].drop_duplicates()
    assert orders[C.ORDER_ID].is_unique
    assert not sales.duplicated([C.ORDER_ID, C.PRODUCT_ID]).any()


def test_returns_carry_their_order_and_never_exceed_what_was_bought(
    shop: SimulatedChunk, sales: pd.DataFrame
) -> None:
    orders = shop.tables["orders"]
    returns = orders[orders[C.QUANTITY] < 0].merge(
        sales, on=[C.ORDER_ID, C.PRODUCT_ID, C.CUSTOMER_ID], suffixes=("", "_sold")
    )
    assert len(returns) == (orders[C.QUANTITY] < 0).sum() > 500
    assert (returns[C.QUANTITY] + returns["quantity_sold"] >= 0).all()
    assert (returns[C.UNIT_PRICE] == returns["unit_price_sold"]).all()
    share = -returns[C.QUANTITY] / returns["quantity_sold"]
    np.testing.assert_allclose(-returns[C.DISCOUNT], share * returns["discount_sold"], atol=0.0051)
    days = (returns[C.TS] - returns["ts_sold"]) / pd.Timedelta(days=1)
    assert days.between(3, 30).all()


def test_discounts_never_exceed_the_largest_rate(sales: pd.DataFrame) -> None:
    rate = sales[C.DISCOUNT] / (sales[C.UNIT_PRICE] * sales[C.QUANTITY])
    assert rate.between(0, 0.26).all()
    assert 0.05 < (rate > 0).mean() < 0.3


def test_what_is_bought_was_put_into_the_cart_earlier_on_the_same_day(
    shop: SimulatedChunk, sales: pd.DataFrame
) -> None:
    events = shop.tables["events"]
    carts = events[events[C.EVENT_TYPE] == "cart_add"]
    added = sales.merge(carts, on=[C.CUSTOMER_ID, C.PRODUCT_ID], suffixes=("", "_event"))
    same_day = added["ts_event"].dt.normalize() == added[C.TS].dt.normalize()
    found = added[same_day & (added["ts_event"] < added[C.TS])]
    assert len(found.drop_duplicates([C.ORDER_ID, C.PRODUCT_ID])) == len(sales)


def test_the_day_before_an_order_gives_nothing_away(
    shop: SimulatedChunk, sales: pd.DataFrame
) -> None:
    """Visits on the eve of an order are as many as on any other day of a life, no more."""
    day = sales[[C.CUSTOMER_ID]].assign(day=(sales[C.TS] - pd.Timestamp(PLAN.start)).dt.days)
    day = day.drop_duplicates()
    eves = day.assign(day=day["day"] - 1).merge(day, how="left", indicator=True)
    eves = eves[eves["_merge"] == "left_only"].merge(shop.truth["customers"], on=C.CUSTOMER_ID)
    eves = eves[(eves["day"] >= 0) & (eves["day"] > eves["born_day"])]
    events = shop.tables["events"]
    visits = events.assign(day=(events[C.TS] - pd.Timestamp(PLAN.start)).dt.days)
    visited = visits[[C.CUSTOMER_ID, "day"]].drop_duplicates()
    chance = -np.expm1(-eves["session_rate"])
    seen = len(eves.merge(visited, on=[C.CUSTOMER_ID, "day"]))
    assert abs(seen - chance.sum()) < 4 * np.sqrt((chance * (1 - chance)).sum())


def test_events_are_shaped_by_their_type(shop: SimulatedChunk) -> None:
    events = shop.tables["events"]
    is_search = events[C.EVENT_TYPE] == "search"
    assert set(events[C.EVENT_TYPE]) == {"view", "search", "cart_add"}
    assert (events[C.QUERY].notna() == is_search).all()
    assert (events[C.PRODUCT_ID].isna() == is_search).all()
    assert events[C.EVENT_ID].is_unique
    visit = events.groupby(C.SESSION_ID)
    assert events[[C.SESSION_ID, C.CUSTOMER_ID]].drop_duplicates()[C.SESSION_ID].is_unique
    assert (visit[C.TS].max() - visit[C.TS].min() < pd.Timedelta(hours=5)).all()


def test_any_day_can_be_today() -> None:
    plan = ShopPlan(n_customers=300, seed=1, days=90, end=date(2024, 3, 1))
    chunk = next(simulate(plan))
    assert plan.start == date(2023, 12, 2)
    assert chunk.tables["orders"][C.TS].between("2023-12-02", "2024-03-01").all()
    assert chunk.n_customers == 300
