"""Labels of odd shops against the definitions, read off the records in plain Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.engine import Engine
from features.engines import open_engine
from features.labels import (
    build_labels_at_horizons,
    next_products,
    offer_responses,
)
from features.rollup import HALF_A_CENT, Rollups, discover_rollups
from features.settings import EngineSettings, ShopSettings
from features.vocabulary import TABLES

FIRST_DAY, DAYS = date(2025, 1, 1), 100
CUTOFFS = [FIRST_DAY + timedelta(days=days) for days in (20, 45)]
HORIZONS_DAYS = (5, 20, 45)
LOOKBACK_DAYS, RESPONSE_DAYS = 30, 9

CUSTOMER = st.sampled_from(["ann", "bob", "cid", "dot"])
DAY = st.integers(0, DAYS - 1)
LINES = st.lists(
    st.fixed_dictionaries(
        {
            "customer_id": CUSTOMER,
            "order_id": st.sampled_from(["1", "2", "3", "4"]),
            "product_id": st.sampled_from(["tea", "mug", "jam"]),
            "day": DAY,
            "nights_late": st.sampled_from([0, 0, 0, 1, 20, 60]),
            "quantity": st.sampled_from([-2.0, -1.0, 1.0, 1.0, 2.0]),
            "unit_price": st.sampled_from([0.0, 0.1, 9.99]),
        }
    ),
    min_size=40,
    max_size=80,
)
CONTACTS = st.lists(
    st.fixed_dictionaries(
        {
            "customer_id": CUSTOMER,
            "campaign_id": st.sampled_from(["spring", "autumn"]),
            "contact_id": st.sampled_from([None, "7", "7"]),
            "treated": st.booleans(),
            "day": DAY,
            "accepted_after": st.sampled_from([None, None, -1, 0, 1, 30]),
        }
    ),
    min_size=15,
    max_size=30,
)
READ = {
    "lines", "order_moves", "order_states", "customer_day", "customer_product_day",
    "campaign_contacts",
}  # fmt: skip
ODD_SHOPS = settings(
    max_examples=5,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

Records = list[dict[str, Any]]
Label = Callable[[Rollups], pd.DataFrame]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with open_engine(EngineSettings(threads=1), tmp_path_factory.mktemp("spill")) as engine:
        yield engine


def checked(table: str, frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with every column of the vocabulary, typed, as a checked table has them."""
    types = {"string": "str", "timestamp": "datetime64[us]", "boolean": "bool"}
    columns = {column.name: types.get(column.type, "float64") for column in TABLES[table].columns}
    return frame.reindex(columns=list(columns)).astype(columns)


def moments(days: Any) -> Any:
    return pd.Timestamp(FIRST_DAY) + pd.to_timedelta(pd.Series(days, dtype="float64"), unit="D")


def roll_up(engine: Engine, **records: Records) -> Rollups:
    """What labels read, rolled up of these tables."""
    tables = {"products": pd.DataFrame({"product_id": ["tea", "mug", "jam"]})}
    for name, rows in records.items():
        frame = pd.DataFrame(rows)
        frame["ts"] = moments(frame["day"])
        if "nights_late" in frame:
            frame["available_at"] = moments(frame["day"] + frame["nights_late"])
        if "accepted_after" in frame:
            frame["accepted_at"] = moments(frame["day"] + frame["accepted_after"])
        tables[name] = frame
    rolled = {
        name: engine.register(f"clean_{name}", checked(name, frame))
        for name, frame in tables.items()
    }
    for rollup in discover_rollups():
        if rollup.name in READ and all(name in rolled for name in rollup.reads):
            made = rollup.build(rolled, ShopSettings(margin_rate=1.0))
            rolled[rollup.name] = engine.create(f"made_{rollup.name}", made)
    return Rollups({name: table for name, table in rolled.items() if name not in TABLES})


def computed(rollups: Rollups, label: Label) -> pd.DataFrame:
    """The label of everyone at once, having seen that it is the same share by share."""

    def share(number: int) -> Rollups:
        some = (["dot", "ann"], ["nobody"], ["bob", "cid"])[number]
        return Rollups(
            {
                name: table.filter(table.customer_id.isin(some))
                for name, table in rollups.tables.items()
            }
        )

    whole = label(rollups)
    in_shares = label(Rollups(rollups.tables, 3, share))
    pd.testing.assert_frame_equal(whole, in_shares, check_exact=True)
    return whole


def day_number(day: date) -> int:
    return (day - FIRST_DAY).days


def orders_of(lines: Records) -> dict[tuple[str, str], Records]:
    orders: dict[tuple[str, str], Records] = {}
    for line in lines:
        orders.setdefault((line["customer_id"], line["order_id"]), []).append(line)
    return orders


def known(line: dict[str, Any]) -> int:
    return int(line["day"] + line["nights_late"])


def placed_on(order: Records, known_before: int) -> int | None:
    """The day of a net-positive order as known then; None where there is none."""
    seen = [line for line in order if known(line) < known_before]
    net = sum(line["quantity"] * line["unit_price"] for line in seen)
    return min(line["day"] for line in seen) if seen and net >= HALF_A_CENT else None


def orders_in(lines: Records, cutoff: int, days: int, judged_after: int) -> dict[Any, int]:
    """The orders placed in the horizon and the days on which they were."""
    found = {}
    for key, order in orders_of(lines).items():
        end = max(cutoff + judged_after, min(map(known, order)) + 1)
        day = placed_on(order, end)
        if day is not None and cutoff <= day < cutoff + days:
            found[key] = day
    return found


def population(lines: Records, cutoff: int) -> set[str]:
    days = {key: placed_on(order, cutoff) for key, order in orders_of(lines).items()}
    return {
        customer
        for (customer, _), day in days.items()
        if day is not None and day >= cutoff - LOOKBACK_DAYS
    }


@ODD_SHOPS
@given(lines=LINES)
def test_churn_and_value_follow_their_definition_and_churn_is_monotone(
    engine: Engine, lines: Records
) -> None:
    frame = computed(
        roll_up(engine, orders=lines),
        lambda rollups: build_labels_at_horizons(
            engine,
            rollups,
            CUTOFFS,
            HORIZONS_DAYS,
            lookback_days=LOOKBACK_DAYS,
            yearly_discount_rate=0.1,
        ),
    )
    judged = frame.set_index(["customer_id", "as_of", "horizon_days"])
    expected = {}
    for as_of in CUTOFFS:
        cutoff = day_number(as_of)
        for customer in population(lines, cutoff):
            for days in HORIZONS_DAYS:
                orders = orders_in(lines, cutoff, days, judged_after=HORIZONS_DAYS[-1])
                count = sum(who == customer for who, _ in orders)
                margin = sum(
                    line["quantity"] * line["unit_price"] * 1.1 ** ((cutoff - line["day"]) / 365)
                    for line in lines
                    if line["customer_id"] == customer and cutoff <= line["day"] < cutoff + days
                )
                expected[customer, as_of, days] = (count == 0, count, margin if count else 0.0)
    assert set(judged.index) == set(expected)
    for key, (churned, count, margin) in expected.items():
        assert judged.loc[key, "churned"] == churned
        assert judged.loc[key, "orders_next"] == count
        assert judged.loc[key, "margin_next"] == pytest.approx(margin, abs=1e-5)

    by_horizon = judged["churned"].to_numpy(dtype=int).reshape(-1, len(HORIZONS_DAYS))
    assert (np.diff(by_horizon, axis=1) <= 0).all()


@ODD_SHOPS
@given(lines=LINES)
def test_next_products_follow_their_definition(engine: Engine, lines: Records) -> None:
    horizon = HORIZONS_DAYS[1]
    frame = computed(
        roll_up(engine, orders=lines),
        lambda rollups: next_products(
            engine, rollups, CUTOFFS, horizon, lookback_days=LOOKBACK_DAYS
        ),
    )
    expected: dict[Any, tuple[int, float, bool]] = {}
    for as_of in CUTOFFS:
        cutoff = day_number(as_of)
        orders = orders_in(lines, cutoff, horizon, judged_after=horizon)
        standing = {
            key for key, order in orders_of(lines).items() if placed_on(order, cutoff) is not None
        }
        bought = [line for line in lines if line["quantity"] > 0]
        seen = {
            (line["customer_id"], line["product_id"])
            for line in bought
            if known(line) < cutoff and (line["customer_id"], line["order_id"]) in standing
        }
        judged = population(lines, cutoff)
        for line in bought:
            customer, product = line["customer_id"], line["product_id"]
            ordered = (customer, line["order_id"]) in orders
            if customer in judged and ordered and cutoff <= line["day"] < cutoff + horizon:
                key = (customer, as_of, product)
                day, units, _ = expected.get(key, (DAYS, 0.0, True))
                is_new = (customer, product) not in seen
                expected[key] = (min(day, line["day"]), units + line["quantity"], is_new)
    found = frame.set_index(["customer_id", "as_of", "product_id"])
    assert {
        key: (day_number(day), units, bool(is_new))
        for key, day, units, is_new in found.itertuples(name=None)
    } == expected


@ODD_SHOPS
@given(lines=LINES, contacts=CONTACTS)
def test_offer_responses_follow_their_definition(
    engine: Engine, lines: Records, contacts: Records
) -> None:
    horizon = HORIZONS_DAYS[1]
    frame = computed(
        roll_up(engine, orders=lines, contacts=contacts),
        lambda rollups: offer_responses(
            engine, rollups, CUTOFFS, horizon, response_days=RESPONSE_DAYS
        ),
    )
    by_id: dict[Any, Records] = {}
    for record in contacts:
        number = record["contact_id"] or f"on {record['day']}"
        key = (record["customer_id"], record["campaign_id"], number, record["treated"])
        by_id.setdefault(key, []).append(record)
    expected = []
    for as_of in CUTOFFS:
        cutoff = day_number(as_of)
        end = cutoff + horizon
        orders = orders_in(lines, cutoff, horizon, judged_after=horizon)
        for (customer, campaign, _, treated), records in by_id.items():
            day = min(record["day"] for record in records)
            accepted = any(
                record["accepted_after"] is not None
                and record["day"] + record["accepted_after"] < end
                for record in records
            )
            days = range(day, day + RESPONSE_DAYS)
            ordered = any(who == customer and when in days for (who, _), when in orders.items())
            outcome = float(ordered) if day + RESPONSE_DAYS <= end else None
            if cutoff <= day < end:
                expected.append((customer, as_of, day, campaign, treated, accepted, outcome))
    columns = ["customer_id", "as_of", "day", "campaign_id", "treated", "accepted", "ordered"]
    found = frame[columns].assign(
        day=frame["day"].map(day_number),
        accepted=frame["accepted"].astype(bool),
        ordered=frame["ordered"].astype(object).where(frame["ordered"].notna(), None),
    )
    assert sorted(found.itertuples(index=False, name=None), key=repr) == sorted(expected, key=repr)
