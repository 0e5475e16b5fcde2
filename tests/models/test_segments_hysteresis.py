"""Frozen cut-points and hysteresis: words stay put until something happened."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.segments import (
    BANK_TIERS,
    RFM_SEGMENTS,
    STAGES,
    TIERS,
    BankCuts,
    CutPoints,
    bank_tier,
    life_stage,
    rfm_scores,
    rfm_segment,
    value_tier,
)

CUTS = CutPoints((1000.0, 500.0, 250.0, 100.0, 20.0), (10.0, 30.0, 60.0, 120.0),
                 (1.0, 2.0, 4.0, 8.0), (50.0, 100.0, 300.0, 900.0))  # fmt: skip
BANK = BankCuts(current=500.0, predicted=100.0, headroom=1_000.0)
HORIZON_DAYS = 60

numbers = st.floats(0, 1e5)


def tier(value: float, previous: str | None = None) -> str | None:
    (name,) = value_tier(np.array([value]), CUTS, [previous])
    return name


@pytest.mark.parametrize(
    ("value", "previous", "expected"),
    [
        (100.0, None, "top_25"),
        (99.0, None, "top_50"),
        (99.0, "top_25", "top_25"),  # not yet below by a tenth
        (89.0, "top_25", "top_50"),
        (109.0, "top_50", "top_50"),  # not yet above by a tenth
        (110.1, "top_50", "top_25"),
        (5_000.0, "rest", "top_1"),
        (510.0, "rest", "top_10"),  # past the cut of top 10 by a margin, of top 5 without
        (0.0, "top_1", "rest"),
        (99.0, "no tier of ours", "top_50"),
    ],
)
def test_a_customer_changes_tier_only_past_the_cut_point_by_a_margin(
    value: float, previous: str | None, expected: str
) -> None:
    assert tier(value, previous) == expected


def test_a_missing_value_has_no_tier_whatever_it_had() -> None:
    assert tier(np.nan, "top_1") is None
    assert bank_tier(np.array([9e9]), np.array([np.nan]), BANK) == [None]


@settings(max_examples=40)
@given(numbers, st.lists(st.floats(-0.1, 0.1), max_size=8))
def test_noise_under_the_margin_never_changes_a_tier(value: float, noise: list[float]) -> None:
    first = now = tier(value)
    for share in noise:
        now = tier(value * (1 + 0.999 * share), now)
        assert now == first


@settings(max_examples=40)
@given(numbers, st.sampled_from(TIERS))
def test_staying_where_one_is_never_changes_a_tier(value: float, previous: str) -> None:
    settled = tier(value, previous)
    assert tier(value, settled) == settled


@settings(max_examples=40)
@given(st.lists(numbers, min_size=2, max_size=30), st.sampled_from([None, *TIERS]))
def test_of_two_with_the_same_past_the_richer_is_never_in_a_lower_tier(
    values: list[float], previous: str | None
) -> None:
    richest_first = np.array(sorted(values, reverse=True))
    tiers = value_tier(richest_first, CUTS, [previous] * len(values))
    places = [TIERS.index(name) for name in tiers if name is not None]
    assert len(places) == len(values)
    assert places == sorted(places)


def stage(p_buys: float, previous: str | None) -> str:
    vectors = pd.DataFrame(
        {"orders_lifetime": [5.0], "recency_days": [30.0], "gap_last_days": [20.0]}
    )
    (name,) = life_stage(vectors, np.array([p_buys]), HORIZON_DAYS, [previous])
    return name


@pytest.mark.parametrize(
    ("p_buys", "previous", "expected"),
    [
        (0.46, "active", "active"),
        (0.44, "active", "cooling"),
        (0.54, "cooling", "cooling"),
        (0.56, "cooling", "active"),
        (0.06, "at_risk", "at_risk"),
        (0.01, "active", "lost"),
        (0.48, "new", "cooling"),  # was no repeat buyer: nothing to keep
        (np.nan, "active", "lost"),
    ],
)
def test_a_repeat_buyer_keeps_the_stage_within_five_hundredths(
    p_buys: float, previous: str, expected: str
) -> None:
    assert stage(p_buys, previous) == expected


@settings(max_examples=40)
@given(st.floats(0, 1), st.lists(st.floats(-0.049, 0.049), max_size=8))
def test_noise_under_the_margin_never_changes_a_stage(p_buys: float, noise: list[float]) -> None:
    first = now = stage(p_buys, None)
    for step in noise:
        now = stage(min(max(p_buys + step, 0.0), 1.0), now)
        assert now == first


@pytest.mark.parametrize(
    ("current", "predicted", "headroom", "expected"),
    [
        (500.0, 0.0, 0.0, "high_net_worth"),
        (499.0, 100.0, 0.0, "potential"),
        (0.0, 0.0, 1_000.0, "potential"),
        (0.0, 99.0, 999.0, "ordinary"),
    ],
)
def test_the_bank_separates_current_from_possible_value(
    current: float, predicted: float, headroom: float, expected: str
) -> None:
    arguments = (np.array([current]), np.array([predicted]), BANK, np.array([headroom]))
    assert bank_tier(*arguments) == [expected]


def test_a_banks_customer_stays_at_the_top_until_clearly_below() -> None:
    def after(current: float, previous: str) -> str | None:
        (name,) = bank_tier(np.array([current]), np.array([50.0]), BANK, previous=[previous])
        return name

    assert after(460.0, "high_net_worth") == "high_net_worth"
    assert after(440.0, "high_net_worth") == "ordinary"
    assert after(540.0, "ordinary") == "ordinary"
    assert after(560.0, "ordinary") == "high_net_worth"


def test_where_hardly_anyone_brings_anything_nothing_is_not_the_top() -> None:
    current = np.array([0.0] * 99 + [5.0])
    predicted = np.arange(100.0)
    names = bank_tier(current, predicted, BankCuts.fit(current, predicted))
    assert names.count("high_net_worth") == 1


@settings(max_examples=40)
@given(
    arrays(np.float64, 20, elements=st.floats(0, 1e4) | st.just(np.nan)),
    arrays(np.float64, 20, elements=st.floats(0, 50) | st.just(np.nan)),
    arrays(np.float64, 20, elements=st.floats(-1e4, 1e4) | st.just(np.nan)),
)
def test_everyone_is_in_exactly_one_segment_of_each_view(
    recency: np.ndarray, orders: np.ndarray, value: np.ndarray
) -> None:
    vectors = pd.DataFrame(
        {"orders_lifetime": orders, "recency_days": recency, "gap_last_days": recency / 2}
    )
    chance = np.clip(value / 1e4, 0, 1)
    assert set(rfm_segment(recency, orders, CUTS)) <= set(RFM_SEGMENTS)
    assert set(life_stage(vectors, chance, HORIZON_DAYS)) <= set(STAGES)
    for names, allowed in (
        (value_tier(value, CUTS), TIERS),
        (bank_tier(value, value, BANK), BANK_TIERS),
    ):
        assert [name is None for name in names] == np.isnan(value).tolist()
        assert set(names) <= {None, *allowed}


@settings(max_examples=40)
@given(st.lists(numbers, min_size=5, max_size=60))
def test_quintiles_rise_with_the_figure_and_equals_are_equal(values: list[float]) -> None:
    figures = np.array(values)
    cuts = CutPoints.fit(figures, figures, figures, figures)
    scores = rfm_scores(figures, figures, figures, cuts)
    for name, rises in (("frequency_score", 1), ("monetary_score", 1), ("recency_score", -1)):
        by_figure = scores[name].to_numpy()[np.argsort(figures)] * rises
        assert (np.diff(by_figure) >= 0).all()
        assert scores[name].between(1, 5).all()
        assert scores.groupby(figures)[name].nunique().max() == 1


def test_quintiles_of_different_figures_hold_a_fifth_each() -> None:
    figures = np.random.default_rng(0).permutation(1_000).astype(np.float64)
    scores = rfm_scores(
        figures, figures, figures, CutPoints.fit(figures, figures, figures, figures)
    )
    for name in ("recency_score", "frequency_score", "monetary_score"):
        assert scores[name].value_counts().tolist() == [200] * 5
    best = scores[(scores["recency_score"] == 5)]
    assert set(best["rfm"]) == {"511"}  # the same figure: recent is also few and little


def test_a_missing_figure_scores_lowest() -> None:
    nothing = np.array([np.nan])
    assert rfm_scores(nothing, nothing, nothing, CUTS)["rfm"].tolist() == ["111"]


def test_scores_need_cut_points_of_revenue() -> None:
    figures = np.arange(10.0)
    with pytest.raises(ValueError, match="without revenue"):
        rfm_scores(figures, figures, figures, CutPoints.fit(figures, figures, figures))


@settings(max_examples=40)
@given(arrays(np.float64, 30, elements=st.floats(-1e6, 1e6)))
def test_cut_points_come_back_from_json_as_they_were(values: np.ndarray) -> None:
    cuts = CutPoints.fit(values, values, values, values)
    assert CutPoints.from_json(cuts.to_json()) == cuts
