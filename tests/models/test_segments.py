"""Tiers, segments and stages: words that mean the same for everyone, by frozen cut-points."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.bundle.schema import TIERS
from models.segments import TIER_SHARES, CutPoints, life_stage, rfm_segment, value_tier

HORIZON_DAYS = 60


def cuts_of(value: np.ndarray) -> CutPoints:
    return CutPoints.fit(value, np.arange(100.0), np.arange(100.0))


def test_tiers_hold_their_share_of_distinct_values() -> None:
    value = np.random.default_rng(0).permutation(1_000).astype(np.float64)
    tiers = pd.Series(value_tier(value, cuts_of(value)))
    counts = tiers.value_counts()
    within = [counts[name] for name in TIER_SHARES]
    assert np.cumsum(within).tolist() == [10, 50, 100, 250, 500]
    assert counts["rest"] == 500


def test_a_higher_tier_is_a_higher_value() -> None:
    value = np.random.default_rng(1).lognormal(size=500)
    place = pd.Series(value_tier(value, cuts_of(value))).map(list(TIERS).index)
    best_first = place.to_numpy()[np.argsort(-value)]
    assert (np.diff(best_first) >= 0).all()


def test_frozen_cut_points_keep_the_meaning_of_a_tier() -> None:
    cuts = cuts_of(np.arange(1.0, 101.0))
    assert value_tier(np.array([1e9, 99.5, 50.0, -3.0, -np.inf]), cuts) == [
        "top_1", "top_1", "rest", "rest", "rest"
    ]  # fmt: skip
    assert value_tier(np.zeros(0), cuts) == []


@given(arrays(np.float64, st.integers(1, 60), elements=st.floats(-1e6, 1e6)))
def test_everyone_has_a_tier_that_the_bundle_knows(value: np.ndarray) -> None:
    assert set(value_tier(value, cuts_of(value))) <= set(TIERS)


@pytest.mark.parametrize(
    ("recency_days", "orders", "segment"),
    [
        (1.0, 1.0, "new"),
        (1.0, 99.0, "champions"),
        (99.0, 1.0, "hibernating"),
        (99.0, 99.0, "cannot_lose"),
        (70.0, 50.0, "at_risk"),
        (50.0, 50.0, "need_attention"),
        (50.0, 99.0, "loyal"),
        (30.0, 1.0, "promising"),
        (30.0, 30.0, "potential_loyalist"),
        (50.0, 1.0, "about_to_sleep"),
    ],
)
def test_segments_follow_the_recency_and_frequency_grid(
    recency_days: float, orders: float, segment: str
) -> None:
    cuts = cuts_of(np.arange(100.0))
    assert rfm_segment(np.array([recency_days]), np.array([orders]), cuts) == [segment]


def test_quintile_bounds_belong_to_the_lower_side() -> None:
    cuts = CutPoints((1.0,) * 5, (10.0, 20.0, 30.0, 40.0), (1.0, 2.0, 3.0, 4.0))
    assert rfm_segment(np.array([10.0, 10.1]), np.array([1.0, 1.0]), cuts) == ["new", "promising"]


def test_who_never_ordered_is_in_the_lowest_corner() -> None:
    cuts = cuts_of(np.arange(100.0))
    assert rfm_segment(np.array([np.inf]), np.array([0.0]), cuts) == ["hibernating"]


def stage(orders: float, recency: float, last_gap: float = np.nan, p_buys: float = np.nan) -> str:
    vectors = pd.DataFrame(
        {"orders_lifetime": [orders], "recency_days": [recency], "gap_last_days": [last_gap]}
    )
    (name,) = life_stage(vectors, np.array([p_buys]), HORIZON_DAYS)
    return name


def test_without_an_order_a_customer_is_a_prospect() -> None:
    assert stage(0, np.nan) == "prospect"
    assert stage(np.nan, np.nan) == "prospect"


@pytest.mark.parametrize(
    ("recency", "p_buys", "expected"),
    [(60, 0.01, "new"), (61, 0.99, "cooling"), (120, 0.5, "cooling"), (121, 0.5, "at_risk"),
     (400, np.nan, "lost")],
)  # fmt: skip
def test_one_time_buyers_go_by_days_since_their_order(
    recency: float, p_buys: float, expected: str
) -> None:
    assert stage(1, recency, p_buys=p_buys) == expected


@pytest.mark.parametrize(
    ("p_buys", "expected"),
    [(0.5, "active"), (0.49, "cooling"), (0.25, "cooling"), (0.24, "at_risk"), (0.1, "at_risk"),
     (0.09, "lost"), (np.nan, "lost")],
)  # fmt: skip
def test_repeat_buyers_go_by_their_chance_to_buy(p_buys: float, expected: str) -> None:
    assert stage(5, 30, last_gap=20, p_buys=p_buys) == expected


@pytest.mark.parametrize(
    ("gap", "recency", "expected"),
    [(121, 60, "reactivated"), (120, 60, "active"), (121, 61, "active")],
)
def test_back_after_two_horizons_is_reactivated_for_one(
    gap: float, recency: float, expected: str
) -> None:
    assert stage(3, recency, last_gap=gap, p_buys=0.9) == expected
