"""Overlap said in words, evidence graded, and cross-sell as retention against the truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.special import expit

from features.simulate import ShopPlan, simulate
from features.vocabulary import Columns as C
from models.uplift.cross_sell import Effect, cross_sell_effect, cross_sell_report, retention_term
from models.uplift.evidence import grade_evidence
from models.uplift.overlap import (
    Overlap,
    bounded,
    check_overlap,
    effective_sample_size,
    estimate_propensity,
)

Floats = NDArray[np.float64]


def assigned(pull: float, n: int = 4_000, seed: int = 0) -> tuple[Floats, Floats, Floats]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2))
    propensity = expit(pull * X[:, 0])
    return X, (rng.random(n) < propensity).astype(np.float64), propensity


def overlap_of(pull: float) -> Overlap:
    X, treated, _ = assigned(pull)
    return check_overlap(treated, estimate_propensity(X, treated, []))


def test_a_coin_looks_random() -> None:
    overlap = overlap_of(0.0)
    assert overlap.looks_random
    assert overlap.holds
    assert "looks random" in overlap.says
    assert grade_evidence("randomised", overlap).evidence == "randomised"


def test_a_coin_rarely_looks_like_anything_else() -> None:
    verdicts = []
    for seed in range(8):
        X, treated, _ = assigned(0.0, n=800, seed=seed)
        overlap = check_overlap(treated, estimate_propensity(X, treated, [], seed=seed))
        verdicts.append(overlap.looks_random)
    assert sum(verdicts) >= 7


def test_a_small_holdout_by_lot_overlaps() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(6_000, 2))
    treated = (rng.random(6_000) < 0.95).astype(np.float64)
    overlap = check_overlap(treated, estimate_propensity(X, treated, []))
    assert overlap.holds
    assert overlap.looks_random


def test_a_rule_in_disguise_is_no_lot_and_is_graded_down() -> None:
    overlap = overlap_of(1.0)
    assert not overlap.looks_random
    assert overlap.holds
    grade = grade_evidence("randomised", overlap)
    assert grade.evidence == "observational"
    assert "does not look so" in grade.because


def test_a_slight_dependence_is_noticed() -> None:
    assert not overlap_of(0.25).looks_random


def test_each_arm_counts_as_many_as_weighted_to_look_like_everyone() -> None:
    """Of 500 a fifth was treated, of 500 others four fifths."""
    propensity = np.repeat([0.2, 0.8], 500)
    treated = np.concatenate([np.arange(500) < 100, np.arange(500) < 400]).astype(np.float64)
    overlap = check_overlap(treated, propensity)
    # Kish: (100 x 5 + 400 x 1.25)^2 / (100 x 25 + 400 x 1.5625), and the same by symmetry.
    assert overlap.effective_treated == pytest.approx(320)
    assert overlap.effective_held_out == pytest.approx(320)


def test_groups_that_do_not_overlap_leave_a_risk_ranking_and_say_why() -> None:
    overlap = overlap_of(8.0)
    assert not overlap.holds
    for design in ("randomised", "observational"):
        grade = grade_evidence(design, overlap)
        assert grade.evidence == "risk_only"
        assert "do not overlap" in grade.because


def test_without_treatment_data_the_list_is_a_risk_ranking() -> None:
    assert grade_evidence(None, None).evidence == "risk_only"


def test_propensities_are_near_the_true_ones() -> None:
    X, treated, propensity = assigned(1.0, n=12_000)
    assert np.sqrt(np.mean((estimate_propensity(X, treated, []) - propensity) ** 2)) < 0.05


def test_effective_sample_size_is_kish() -> None:
    assert effective_sample_size(np.ones(7)) == 7
    assert effective_sample_size(np.array([1.0, 0.0, 0.0])) == 1
    assert effective_sample_size(np.zeros(3)) == 0


def test_bounded_propensities_keep_off_the_ends() -> None:
    np.testing.assert_allclose(bounded(np.array([0.0, 0.5, 1.0])), [0.02, 0.5, 0.98])


def holders(
    effect: float, seed: int = 0, n: int = 8_000
) -> tuple[Floats, NDArray[np.int64], Floats]:
    """Loyal customers hold more and leave less; each product takes ``effect`` off churn."""
    rng = np.random.default_rng(seed)
    loyalty, noise = rng.normal(size=(2, n))
    held = 1 + (rng.random((3, n)) < expit(loyalty - 0.3)).sum(axis=0)
    chance = np.clip(expit(-0.2 - 0.8 * loyalty) - effect * (held - 1), 0, 1)
    churned = (rng.random(n) < chance).astype(np.float64)
    return np.column_stack([loyalty, noise]), held.astype(np.int64), churned


def test_loyalty_alone_looks_like_retention_until_adjusted() -> None:
    steps = cross_sell_effect(*holders(0.0))
    assert [step.held for step in steps] == [1, 2, 3]
    for step in steps:
        assert step.raw.high < -0.05
        assert step.adjusted.value == pytest.approx(0.0, abs=0.035)
        assert step.grade.evidence == "observational"
    assert sum(retention_term(step).value == 0 for step in steps) >= 2


def test_an_effect_that_is_there_is_found() -> None:
    steps = cross_sell_effect(*holders(0.08, seed=1, n=9_000))
    middle = steps[1]
    assert middle.adjusted.low <= -0.08 <= middle.adjusted.high
    assert middle.raw.value < middle.adjusted.value - 0.05
    term = retention_term(middle)
    assert term.low > 0
    assert term.value == -middle.adjusted.value
    assert middle.per_customer.mean() == pytest.approx(middle.adjusted.value)
    assert len(middle.rows) == middle.customers


def test_an_offer_counts_on_a_fall_only_where_the_whole_interval_is_one() -> None:
    (step, *_) = cross_sell_effect(*holders(0.0, n=2_500))
    doubtful = replace(step, adjusted=Effect(-0.05, -0.11, 0.01))
    assert retention_term(doubtful) == Effect(0.0, 0.0, 0.11)
    proven = replace(step, adjusted=Effect(-0.05, -0.09, -0.01))
    assert retention_term(proven) == Effect(0.05, 0.01, 0.09)


def test_the_report_shows_raw_beside_adjusted() -> None:
    report = cross_sell_report(cross_sell_effect(*holders(0.0, n=2_500)))
    assert report[["from", "to"]].iloc[0].tolist() == [1, 2]
    assert {"raw", "adjusted", "evidence", "because"} <= set(report)


def test_who_could_not_have_held_otherwise_teaches_nothing() -> None:
    """The number held follows from a feature: there is nobody to compare."""
    rng = np.random.default_rng(0)
    loyalty = rng.normal(size=4_000)
    held = 1 + (loyalty > 0).astype(np.int64)
    churned = (rng.random(4_000) < 0.4).astype(np.float64)
    (step,) = cross_sell_effect(loyalty[:, None], held, churned)
    assert step.grade.evidence == "risk_only"
    assert retention_term(step).value == 0


def test_steps_with_too_few_on_a_side_are_left_out() -> None:
    X, held, churned = holders(0.0, n=3_000)
    rare = np.where(np.arange(3_000) < 10, 4, np.minimum(held, 2))
    assert [step.held for step in cross_sell_effect(X, rare, churned)] == [1]


@pytest.fixture(scope="module")
def simulated() -> pd.DataFrame:
    """Customers of the simulated shop, where categories held change nothing: the truth is 0."""
    plan = ShopPlan(n_customers=3_000, seed=3)
    (chunk,) = simulate(plan)
    orders = chunk.tables["orders"].merge(chunk.tables["products"], on=C.PRODUCT_ID)
    cutoff = pd.Timestamp(plan.end) - pd.Timedelta(days=120)
    bought = orders[orders[C.QUANTITY] > 0]
    before = bought[bought[C.TS] < cutoff].groupby(C.CUSTOMER_ID)
    frame = pd.DataFrame(
        {
            "categories": before[C.CATEGORY].nunique(),
            "orders": before[C.ORDER_ID].nunique(),
            "lines": before.size(),
            "recency": (cutoff - before[C.TS].max()).dt.days,
            "age": (cutoff - before[C.TS].min()).dt.days,
        }
    )
    frame = frame[frame["recency"] <= 365]
    later = set(bought.loc[bought[C.TS] >= cutoff, C.CUSTOMER_ID])
    frame["churned"] = [0.0 if name in later else 1.0 for name in frame.index]
    return frame


def test_in_the_simulated_shop_the_raw_claim_shrinks_to_the_true_nothing(
    simulated: pd.DataFrame,
) -> None:
    X = simulated[["orders", "lines", "recency", "age"]].to_numpy(dtype=np.float64)
    held = simulated["categories"].to_numpy(dtype=np.int64)
    steps = cross_sell_effect(X, held, simulated["churned"].to_numpy(), most=4)
    assert steps
    weights = np.array([step.customers for step in steps])
    raw = np.average([step.raw.value for step in steps], weights=weights)
    adjusted = np.average([step.adjusted.value for step in steps], weights=weights)
    assert raw < -0.04
    assert abs(adjusted) < 0.5 * abs(raw)
