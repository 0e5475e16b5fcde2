"""Contractual churn: the last contract ends in the horizon, and none stands 30 days after it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.errors import TrainingError
from features.family import discover_families
from features.labels.contractual import (
    GRACE_DAYS,
    build_contract_labels,
    build_contract_labels_at_horizons,
)
from features.simulate import ShopPlan, simulate

AS_OF = date(2025, 7, 1)
HORIZON_DAYS = 60


def on(days: int) -> str:
    """The day that lies so many days after the cutoff."""
    return str(AS_OF + timedelta(days=days))


# What each customer, named by the case, held: (first day, notice, last day); and whether this is
# churn within 60 days, None for those who hold nothing at the cutoff.
HELD: dict[str, tuple[list[tuple[str, str | None, str | None]], int | None]] = {
    "no end": ([(on(-99), None, None)], 0),
    "ends and nothing follows": ([(on(-99), None, on(20))], 1),
    "ends on the day before": ([(on(-99), None, on(-1))], None),
    "ends on the cutoff": ([(on(-99), None, on(0))], 1),
    "ends on the last day of the horizon": ([(on(-99), None, on(59))], 1),
    "ends as the horizon does": ([(on(-99), None, on(60))], 0),
    "begins on the cutoff": ([(on(0), None, on(20))], None),
    "begins the day before": ([(on(-1), None, on(20))], 1),
    "notice that ends later": ([(on(-99), on(-10), on(200))], 0),
    "notice that ends soon": ([(on(-99), on(-10), on(20))], 1),
    "notice without a last day": ([(on(-99), on(20), None)], 1),
    "renewed the day after": ([(on(-99), None, on(20)), (on(21), None, None)], 0),
    "renewed on the thirtieth day": ([(on(-99), None, on(20)), (on(50), None, None)], 0),
    "back on the day after that": ([(on(-99), None, on(20)), (on(51), None, None)], 1),
    "a short one in between": (
        [(on(-99), None, on(5)), (on(10), None, on(20)), (on(40), None, None)],
        0,
    ),
    "a short one and then nothing": ([(on(-99), None, on(5)), (on(10), None, on(20))], 1),
    "follows beyond the horizon": ([(on(-99), None, on(59)), (on(80), None, None)], 0),
    "another goes on": ([(on(-99), None, on(20)), (on(-50), None, on(300))], 0),
    "in a pause": ([(on(-99), None, on(-10)), (on(5), None, None)], None),
    "cancelled before it began": ([(on(-99), None, on(20)), (on(25), on(22), None)], 1),
    "what never ran bridges nothing": (
        [(on(-99), None, on(20)), (on(45), on(40), None), (on(70), None, None)],
        1,
    ),
    "one of a single day in between": (
        [(on(-99), None, on(20)), (on(45), None, on(45)), (on(70), None, None)],
        0,
    ),
    "a long one holds short ones": (
        [(on(-300), None, on(20)), (on(-200), None, on(-190)), (on(-100), None, on(-95))],
        1,
    ),
}


def contracts_table(held: dict[str, list[tuple[str, str | None, str | None]]]) -> pd.DataFrame:
    rows = [
        (name, f"{name} {number}", *days)
        for name, contracts in held.items()
        for number, days in enumerate(contracts)
    ]
    moments = ["starts_at", "cancelled_at", "ends_at"]
    frame = pd.DataFrame(rows, columns=["customer_id", "contract_id", *moments])
    return frame.assign(**{name: pd.to_datetime(frame[name]) for name in moments})


@pytest.fixture(scope="module")
def shop(open_lasting_shop: Any, lines: Any) -> Any:
    orders = lines(*((name, name, "tea", on(-400), 1, 10) for name in HELD))
    contracts = contracts_table({name: held for name, (held, _) in HELD.items()})
    return open_lasting_shop({"orders": orders, "contracts": contracts})


def labels_of(shop: Any, *cutoffs: date, horizon_days: int = HORIZON_DAYS) -> pd.DataFrame:
    return build_contract_labels(shop.engine, shop.prepared.rollups, cutoffs, horizon_days)


@pytest.mark.parametrize("case", HELD)
def test_who_churns(shop: Any, case: str) -> None:
    labels = labels_of(shop, AS_OF).set_index("customer_id")["churned"]
    expected = HELD[case][1]
    assert labels.get(case) == expected


def test_the_day_of_the_lapse_is_returned(shop: Any) -> None:
    days = labels_of(shop, AS_OF).set_index("customer_id")["lapses_in_days"]
    assert days["ends and nothing follows"] == 20
    assert days["ends on the cutoff"] == 0
    assert days["another goes on"] == 300
    assert days["cancelled before it began"] == 20
    assert np.isnan(days["no end"])


def test_the_population_holds_an_active_contract(shop: Any) -> None:
    """The feature counts the same customers: nobody is scored for a contract that he lacks."""
    family = [f for f in discover_families() if f.name == "relationship"]
    for days in (-60, 0, 15, 45):
        cutoff = AS_OF + timedelta(days=days)
        vectors = shop.vectors(cutoff, families=family).frame.set_index("customer_id")
        active = vectors["contracts_active"].fillna(0)
        assert list(labels_of(shop, cutoff)["customer_id"]) == sorted(active[active > 0].index)


def test_several_cutoffs_and_horizons_are_the_same_as_one_at_a_time(shop: Any) -> None:
    cutoffs = [AS_OF + timedelta(days=days) for days in (-40, 0, 12)]
    engine, rollups = shop.engine, shop.prepared.rollups
    together = build_contract_labels_at_horizons(engine, rollups, cutoffs, [30, 60])
    for horizon in (30, 60):
        single = pd.concat([labels_of(shop, day, horizon_days=horizon) for day in cutoffs])
        single = single.sort_values(["customer_id", "as_of"], ignore_index=True)
        chosen = together[together["horizon_days"] == horizon].drop(columns="horizon_days")
        pd.testing.assert_frame_equal(chosen.reset_index(drop=True), single)
    mixed = build_contract_labels_at_horizons(engine, rollups, cutoffs, [60, 30, 60])
    pd.testing.assert_frame_equal(mixed, together)
    shorter, longer = (together[together["horizon_days"] == h]["churned"] for h in (30, 60))
    assert (shorter.to_numpy() <= longer.to_numpy()).all()
    assert set(together["churned"]) == {0, 1}


def walked(contracts: pd.DataFrame, cutoff: date, horizon_days: int) -> dict[str, int]:
    """Churn by walking from day to day over a calendar of who holds a contract."""
    first, expected = 400, {}  # the calendar's entry for the cutoff
    for name, own in contracts.groupby("customer_id"):
        ends = own["ends_at"].fillna(own["cancelled_at"])
        day = pd.Timestamp(cutoff)
        begin = (own["starts_at"] - day).dt.days.to_numpy() + first
        end = (ends - day).dt.days.fillna(900).astype(int).to_numpy() + first
        calendar = np.zeros(1400, dtype=bool)
        for a, b in zip(begin, end, strict=True):
            calendar[a : b + 1] = True
        if not ((begin < first) & (first <= end)).any():
            continue
        lapses = [
            calendar[today] and not calendar[today + 1 : today + GRACE_DAYS + 1].any()
            for today in range(first, first + horizon_days)
        ]
        expected[str(name)] = int(any(lapses))
    return expected


@pytest.mark.parametrize("seed", range(3))
def test_random_contracts_say_what_a_calendar_says(open_shop: Any, lines: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    held: dict[str, list[tuple[str, str | None, str | None]]] = {}
    for number in range(60):
        starts = np.sort(rng.integers(-200, 90, rng.integers(1, 5)))
        held[f"c{number:02}"] = [
            (on(int(s)), None, None if rng.random() < 0.1 else on(int(s + rng.integers(0, 120))))
            for s in starts
        ]
    contracts = contracts_table(held)
    shop = open_shop({"orders": lines(("1", "c00", "tea", on(-300), 1, 1)), "contracts": contracts})
    labels = labels_of(shop, AS_OF, horizon_days=45).set_index("customer_id")["churned"]
    assert labels.to_dict() == walked(contracts, AS_OF, 45)
    assert set(labels) == {0, 1}


def test_nothing_after_horizon_and_grace_is_seen(open_shop: Any, lines: Any, shop: Any) -> None:
    """Cheating: contracts that begin later, and last days that lie later, are changed."""
    contracts = contracts_table({name: held for name, (held, _) in HELD.items()})
    horizon_end = pd.Timestamp(on(HORIZON_DAYS))
    later = horizon_end + timedelta(days=GRACE_DAYS)
    ends = contracts["ends_at"]
    contracts["ends_at"] = ends.where(~(ends >= later), ends + timedelta(days=77))
    extra = contracts_table({name: [(on(HORIZON_DAYS + GRACE_DAYS), None, None)] for name in HELD})
    extra["contract_id"] += " later"
    orders = lines(("1", "no end", "tea", on(-400), 1, 10))
    changed = open_shop({"orders": orders, "contracts": pd.concat([contracts, extra])})
    expected = labels_of(shop, AS_OF)
    pd.testing.assert_series_equal(
        labels_of(changed, AS_OF)["churned"], expected["churned"], check_exact=True
    )


def test_the_simulated_shop_says_who_keeps_a_pass(open_shop: Any) -> None:
    """Who decides against a pass churns as it ends; who keeps it stays, a declined card aside."""
    plan = ShopPlan(n_customers=1_200, seed=5, days=900)
    simulated = next(iter(simulate(plan)))
    terms = simulated.tables["contracts"].merge(simulated.truth["renewals"])
    first_orders = simulated.tables["orders"].drop_duplicates("customer_id")
    shop = open_shop({"orders": first_orders, "contracts": simulated.tables["contracts"]})
    cutoffs = [plan.end - timedelta(days=30 * back) for back in range(2, 15)]
    labels = labels_of(shop, *cutoffs, horizon_days=30)
    one_pass = terms.groupby("customer_id")["product_id"].transform("nunique") == 1
    joined = labels.merge(terms[one_pass], on="customer_id")
    ahead = (joined["ends_at"] - pd.to_datetime(joined["as_of"])).dt.days
    ending = joined[(ahead >= 0) & (ahead < 30)]
    kept, dropped = ending[ending["keeps"]], ending[~ending["keeps"]]
    assert min(len(kept), len(dropped)) > 20
    assert (dropped["churned"] == 1).all()
    assert 0.0 <= kept["churned"].mean() < 0.1
    going_on = joined[ahead >= 30]
    assert (going_on["churned"] == 0).all()


def test_a_shop_without_contracts_learns_what_to_bring(open_shop: Any, lines: Any) -> None:
    shop = open_shop({"orders": lines(("1", "ann", "tea", on(-9), 1, 1))})
    with pytest.raises(TrainingError, match="no contracts table") as raised:
        labels_of(shop, AS_OF)
    assert "[[tables.contracts]]" in raised.value.remedy
