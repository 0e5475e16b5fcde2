"""Labels: what happened from the cutoff on, up to and without the end of the horizon."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.family import discover_families
from features.labels import order_gaps_days, suggest_horizon_days
from features.settings import ShopSettings

AS_OF = date(2025, 3, 1)
HORIZON_DAYS = 30


def on(days: int) -> str:
    """The day that lies so many days after the cutoff."""
    return str(AS_OF + timedelta(days=days))


# What each customer, named by the case, did after an order ten days before the cutoff:
# (order, when, quantity, price, and when the systems learned of it).
LATER: dict[str, list[tuple[Any, ...]]] = {
    "last second before the cutoff": [("1", "2025-02-28 23:59:59", 1, 7, None)],
    "on the cutoff": [("1", "2025-03-01 00:00:00", 1, 7, None)],
    "last second of the horizon": [("1", "2025-03-30 23:59:59", 1, 7, None)],
    "end of the horizon": [("1", "2025-03-31 00:00:00", 1, 7, None)],
    "returned within the horizon": [("1", on(5), 1, 7, None), ("1", on(29), -1, 7, None)],
    "returned at its end": [("1", on(5), 1, 7, None), ("1", on(30), -1, 7, None)],
    "returned after it": [("1", on(5), 1, 7, None), ("1", on(45), -1, 7, None)],
    "returned within, known after": [("1", on(5), 1, 7, None), ("1", on(25), -1, 7, on(35))],
    "returned in part": [("1", on(5), 3, 7, None), ("1", on(9), -1, 7, None)],
    "returned in part at its end": [("1", on(5), 3, 7, None), ("1", on(30), -1, 7, None)],
    "older order refunded": [("0", on(3), -1, 10, None)],
    "learned of late": [("1", on(5), 1, 7, on(40)), ("1", on(5), 1, 3, on(50))],
    "two orders": [("1", on(0), 1, 100, None), ("2", on(20), 1, 50, None)],
    "nothing": [],
}


@pytest.fixture(scope="module")
def shop(open_lasting_shop: Any, lines: Any) -> Any:
    """All of revenue is margin, so that prices can be read off."""
    rows = [
        (f"{name}-{order}", name, "tea", when, quantity, price, known)
        for name, later in LATER.items()
        for order, when, quantity, price, known in [("0", on(-10), 1, 10, None), *later]
    ]
    known = pd.to_datetime([row[-1] for row in rows])
    orders = lines(*(row[:-1] for row in rows), available_at=known)
    return open_lasting_shop({"orders": orders}, shop=ShopSettings(margin_rate=1.0))


@pytest.fixture(scope="module")
def labels(shop: Any) -> pd.DataFrame:
    return shop.labels(AS_OF, horizon_days=HORIZON_DAYS)


@pytest.mark.parametrize(
    ("customer", "orders", "margin"),
    [
        ("last second before the cutoff", 0, 0.0),
        ("on the cutoff", 1, 7.0),
        ("last second of the horizon", 1, 7.0),
        ("end of the horizon", 0, 0.0),
    ],
)
def test_the_horizon_holds_its_start_and_not_its_end(
    labels: pd.DataFrame, customer: str, orders: int, margin: float
) -> None:
    label = labels.loc[customer]
    assert label["churned"] == (orders == 0)
    assert (label["orders_next"], label["margin_next"]) == (orders, margin)


def test_what_is_a_label_is_no_feature(shop: Any) -> None:
    families = [f for f in discover_families() if f.name == "recency_frequency_monetary"]
    frame = shop.vectors(AS_OF, families=families).frame.set_index("customer_id")
    assert frame.loc["last second before the cutoff", "orders_lifetime"] == 2
    assert frame.loc["on the cutoff", "orders_lifetime"] == 1
    assert frame.loc["on the cutoff", "recency_days"] == 10


@pytest.mark.parametrize(
    ("customer", "churned", "margin"),
    [
        ("returned within the horizon", 1, 0.0),
        ("returned at its end", 0, 7.0),
        ("returned after it", 0, 7.0),
        ("returned in part", 0, 14.0),
    ],
)
def test_churn_is_judged_at_the_end_of_the_horizon(
    labels: pd.DataFrame, customer: str, churned: int, margin: float
) -> None:
    assert labels.loc[customer, ["churned", "margin_next"]].tolist() == [churned, margin]


def test_an_order_that_changes_as_the_horizon_ends_is_one_order(labels: pd.DataFrame) -> None:
    assert labels.loc["returned in part at its end", "orders_next"] == 1
    assert labels.loc["returned in part", "orders_next"] == 1


def test_a_return_undoes_a_purchase_once_it_is_known(labels: pd.DataFrame) -> None:
    assert labels.loc["returned within, known after", "churned"] == 0


def test_a_purchase_that_the_systems_learned_of_late_is_one_purchase(labels: pd.DataFrame) -> None:
    expected = {"churned": 0, "orders_next": 1, "margin_next": 10.0}
    assert labels.loc["learned of late", list(expected)].to_dict() == expected


def test_who_does_not_buy_has_no_margin_even_when_an_older_order_is_refunded(
    labels: pd.DataFrame,
) -> None:
    assert labels.loc["older order refunded", ["churned", "margin_next"]].tolist() == [1, 0.0]
    assert labels.loc["nothing", ["churned", "margin_next"]].tolist() == [1, 0.0]


def test_margin_is_discounted_by_the_day(shop: Any, labels: pd.DataFrame) -> None:
    discounted = shop.labels(AS_OF, horizon_days=HORIZON_DAYS, yearly_discount_rate=0.10)
    expected = 100 + 50 * 1.1 ** (-20 / 365)
    assert discounted.loc["two orders", "margin_next"] == pytest.approx(expected, abs=1e-6)
    assert labels.loc["two orders", "margin_next"] == 150.0
    assert labels.loc["two orders", "orders_next"] == 2


def test_several_cutoffs_are_the_same_as_one_at_a_time(shop: Any) -> None:
    cutoffs = [AS_OF - timedelta(days=5), AS_OF, AS_OF + timedelta(days=6)]
    together = shop.labels(*cutoffs, yearly_discount_rate=0.1).reset_index()
    single = pd.concat([shop.labels(day, yearly_discount_rate=0.1) for day in cutoffs])
    single = single.reset_index().sort_values(["customer_id", "as_of"], ignore_index=True)
    pd.testing.assert_frame_equal(together, single, check_exact=True)
    assert set(together["churned"]) == {0, 1}


def test_the_population_ordered_within_the_look_back(open_shop: Any, lines: Any) -> None:
    orders = lines(
        ("1", "in", "tea", on(-100), 1, 10),
        ("2", "out", "tea", on(-101), 1, 10),
        ("3", "void", "tea", on(-50), 1, 10),
        ("3", "void", "tea", on(-40), -1, 10),
        ("4", "cancelled", "tea", on(-20), -1, 10),
        ("5", "new", "tea", on(0), 1, 10),
        ("6", "late", "tea", on(-5), 1, 10),
        available_at=pd.to_datetime([*[None] * 6, on(0)]),
    )
    labels = open_shop({"orders": orders}).labels(AS_OF, lookback_days=100)
    assert list(labels.index) == ["in"]


def test_gaps_are_between_order_days_known_by_then(open_shop: Any, lines: Any) -> None:
    orders = lines(
        ("1", "ann", "tea", on(-50), 1, 10),
        ("2", "ann", "tea", on(-50), 1, 10),
        ("3", "ann", "tea", on(-30), 1, 10),
        ("4", "ann", "tea", on(-10), 1, 10),
        ("4", "ann", "tea", on(-9), -1, 10),
        ("5", "ann", "tea", on(-5), 1, 10),
        ("6", "bob", "tea", on(-3), 1, 10),
        ("7", "ann", "tea", on(0), 1, 10),
    )
    shop = open_shop({"orders": orders})
    assert order_gaps_days(shop.engine, shop.prepared.rollups, AS_OF).tolist() == [20, 25]


def test_gaps_are_between_days_that_follow_one_another(open_shop: Any, lines: Any) -> None:
    """However the records lie."""
    rng = np.random.default_rng(0)
    days = {f"c{k:02}": rng.choice(300, rng.integers(1, 9), replace=False) for k in range(60)}
    held = [(customer, int(day)) for customer, own in days.items() for day in own]
    rows = [
        (f"{customer} {day}", customer, "tea", on(day - 300), 1, 10)
        for customer, day in (held[place] for place in rng.permutation(len(held)))
    ]
    shop = open_shop({"orders": lines(*rows)})
    gaps = np.concatenate([np.diff(np.sort(own)) for own in days.values()])
    found = order_gaps_days(shop.engine, shop.prepared.rollups, AS_OF)
    assert found.tolist() == np.sort(gaps).tolist()


@pytest.mark.parametrize(
    ("gaps", "horizon"),
    [
        ([1, 2, 3], 30),
        ([30] * 5, 30),
        ([31] * 5, 60),
        ([10] * 81 + [100] * 19, 30),
        ([10] * 79 + [100] * 21, 120),
        ([1000] * 3, 365),
    ],
)
def test_the_horizon_covers_four_gaps_in_five(gaps: list[int], horizon: int) -> None:
    suggested, evidence = suggest_horizon_days(np.array(gaps))
    assert suggested == horizon
    assert f"{len(gaps):,} gaps" in evidence


def test_where_nobody_ordered_twice_the_horizon_is_the_longest() -> None:
    horizon, evidence = suggest_horizon_days(np.array([], dtype=np.int64))
    assert horizon == 365
    assert "nobody has ordered twice" in evidence
