"""One customer now: fresh records count at once, as they will once they are in the files."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from features.errors import DataError
from features.family import discover_families
from features.live import vectors_now
from features.rollup import discover_rollups
from features.vectors import Vectors

NOW = datetime(2026, 12, 1)  # noqa: DTZ001
LOGS = ("orders", "events", "surveys", "costs", "points", "contacts")
SINCE = pd.Timestamp("2026-06-20")
TODAY = date(2026, 7, 1)


def now(shop: Any, fresh: dict[str, pd.DataFrame], *customers: str, as_of: date = TODAY) -> Vectors:
    return vectors_now(
        shop.engine,
        shop.prepared,
        shop.settings.shop,
        discover_families(),
        fresh,
        as_of,
        NOW,
        customers,
    )


@pytest.fixture(scope="module")
def split(simulated_frames: Any) -> tuple[dict[str, pd.DataFrame], dict[str, pd.DataFrame]]:
    """The simulated shop until the last days, and what happened in them."""
    before, fresh = {}, {}
    for name, frame in simulated_frames["all_tables"].items():
        late = frame["ts"] >= SINCE if name in LOGS else pd.Series(data=False, index=frame.index)
        before[name] = frame[~late]
        if late.any():
            fresh[name] = frame[late]
    return before, fresh


@pytest.mark.parametrize("buckets", [1, 4])
def test_fresh_records_give_what_a_batch_will_give(
    open_shop: Any, simulated_shops: dict[str, Any], split: Any, buckets: int
) -> None:
    before, fresh = split
    shop = open_shop(before, engine={"threads": 1, "buckets": buckets})
    busiest = fresh["orders"]["customer_id"].value_counts().index[:5]
    few = {name: frame[frame["customer_id"].isin(busiest)] for name, frame in fresh.items()}
    live = now(shop, few).frame
    batch = simulated_shops["all_tables"].vectors(TODAY, customers=list(busiest)).frame
    assert live["customer_id"].tolist() == sorted(busiest)
    # Prices against those that others paid wait for the others' records.
    wide = {rollup.name for rollup in discover_rollups() if not rollup.by_customer}
    own = [family for family in discover_families() if not wide & set(family.reads)]
    columns = [column.name for family in own for column in family.columns]
    assert_frame_equal(live[columns], batch[columns])


def test_all_fresh_records_at_once_give_the_batch_of_everyone_concerned(
    open_shop: Any, simulated_shops: dict[str, Any], split: Any
) -> None:
    before, fresh = split
    live = now(open_shop(before), fresh).frame
    batch = simulated_shops["all_tables"].vectors(TODAY, customers=list(live["customer_id"]))
    assert_frame_equal(live, batch.frame)


def test_without_fresh_records_the_stored_ones_count(simulated_shops: dict[str, Any]) -> None:
    shop = simulated_shops["all_tables"]
    some = shop.vectors(TODAY).frame["customer_id"].tolist()[:3]
    assert_frame_equal(now(shop, {}, *some).frame, shop.vectors(TODAY, customers=some).frame)


def test_a_newcomer_is_known_from_the_first_order(
    simulated_shops: dict[str, Any], lines: Any
) -> None:
    order = lines(("O1", "newcomer", "P0001", "2026-06-30 09:00", 2, 10))
    [row] = now(simulated_shops["all_tables"], {"orders": order}).frame.to_dict("records")
    assert row["customer_id"] == "newcomer"
    assert (row["orders_lifetime"], row["revenue_lifetime"], row["recency_days"]) == (1, 20, 1)


def test_a_return_undoes_an_order_at_once(simulated_shops: dict[str, Any], open_shop: Any) -> None:
    shop = simulated_shops["all_tables"]
    bought = shop.clean("orders").query("quantity > 0 and ts < '2026-06-01'")
    order = bought[bought["order_id"] == bought["order_id"].iloc[0]]
    sent_back = order.assign(
        quantity=-order["quantity"], ts=pd.Timestamp("2026-06-30 12:00"), available_at=pd.NaT
    )
    customer = order["customer_id"].iloc[0]
    before = now(shop, {}, customer).frame["orders_lifetime"].iloc[0]
    after = now(shop, {"orders": sent_back}).frame["orders_lifetime"].iloc[0]
    assert after == before - 1 or (before == 1 and np.isnan(after))
    assert now(shop, {"orders": sent_back}).frame["return_lines"].iloc[0] >= len(order)


@pytest.mark.parametrize(
    ("table", "record", "problem"),
    [
        ("orders", {"quantity": 0.0}, "orders: fresh record 1 is bad: quantity_zero;"),
        ("orders", {"customer_id": None}, "customer_id_missing"),
        ("orders", {"ts": pd.Timestamp("2030-01-01")}, "ts_impossible"),
    ],
)
def test_a_bad_record_is_refused_by_name(
    simulated_shops: dict[str, Any], lines: Any, table: str, record: dict[str, Any], problem: str
) -> None:
    order = lines(("O1", "ann", "P0001", "2026-06-30", 2, 10)).assign(**record)
    with pytest.raises(DataError, match=problem):
        now(simulated_shops["all_tables"], {table: order})


def test_records_of_a_table_that_the_shop_lacks_are_refused(
    simulated_shops: dict[str, Any], split: Any
) -> None:
    with pytest.raises(DataError, match="that the shop's files do not have") as raised:
        now(simulated_shops["orders_only"], {"events": split[1]["events"]})
    assert raised.value.remedy.startswith("name its files under [tables.events]")
