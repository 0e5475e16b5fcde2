"""A metric on counted rows is the metric on repeated rows, and intervals are the textbook's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score

from models.metrics.bootstrap import (
    Estimate,
    Resampled,
    bootstrap,
    difference,
    distance,
    draw_counts,
    interval,
)
from models.metrics.classification import churn_scorecard, churn_scorer
from models.metrics.order import Scorer, row_means
from models.metrics.value import value_scorecard, value_scorer

CHANCES = st.one_of(st.floats(0, 1), st.sampled_from([0.2, 0.5]))
CHURN_ROWS = st.lists(st.tuples(st.sampled_from([0.0, 1.0]), CHANCES), min_size=1, max_size=40)
MONEY = st.integers(-20, 100).map(float)
VALUE_ROWS = st.lists(st.tuples(MONEY, MONEY), min_size=2, max_size=40)
# Resamples take one step towards their own optimum, repeated rows go all the way.
APPROXIMATE = {"calibration_slope", "calibration_intercept"}


def columns(rows: list[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    first, second = np.array(rows).T
    return first, second


def assert_same(found: float, wanted: float, name: str) -> None:
    if math.isnan(wanted):
        assert math.isnan(found), name
    else:
        assert found == pytest.approx(wanted, rel=1e-9, abs=1e-9), name


@given(CHURN_ROWS, st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_churn_metrics_of_counts_are_those_of_repeated_rows(
    rows: list[tuple[float, float]], seed: int
) -> None:
    outcomes, probabilities = columns(rows)
    counts = next(draw_counts(len(rows), 3, seed))
    scored = churn_scorer(outcomes, probabilities)(counts)
    for place, times in enumerate(counts.astype(int)):
        repeated = churn_scorecard(np.repeat(outcomes, times), np.repeat(probabilities, times))
        for name, wanted in repeated.items():
            if name not in APPROXIMATE:
                assert_same(scored[name][place], wanted, name)


@given(VALUE_ROWS, st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_value_metrics_of_counts_are_those_of_repeated_rows(
    rows: list[tuple[float, float]], seed: int
) -> None:
    actual, predicted = columns(rows)
    counts = next(draw_counts(len(rows), 3, seed))
    scored = value_scorer(actual, predicted)(counts)
    for place, times in enumerate(counts.astype(int)):
        repeated = value_scorecard(np.repeat(actual, times), np.repeat(predicted, times))
        for name, wanted in repeated.items():
            assert_same(scored[name][place], wanted, name)


@given(CHURN_ROWS.filter(lambda rows: len({outcome for outcome, _ in rows}) == 2))
@settings(deadline=None)
def test_churn_metrics_are_those_of_scikit_learn(rows: list[tuple[float, float]]) -> None:
    outcomes, probabilities = columns(rows)
    card = churn_scorecard(outcomes, probabilities)
    assert card["roc_auc"] == pytest.approx(roc_auc_score(outcomes, probabilities))
    assert card["average_precision"] == pytest.approx(
        average_precision_score(outcomes, probabilities)
    )
    assert card["log_loss"] == pytest.approx(
        log_loss(outcomes, np.clip(probabilities, 1e-6, 1 - 1e-6))
    )


def test_one_outcome_alone_has_no_ranking() -> None:
    card = churn_scorecard(np.zeros(5), np.linspace(0.1, 0.9, 5))
    assert math.isnan(card["roc_auc"])
    assert math.isnan(card["average_precision"])
    assert card["lift_at_10pct"] == 0.0


def test_resamples_draw_as_many_rows_as_there_are_and_repeat_by_seed() -> None:
    counts = np.vstack(list(draw_counts(7, 300, seed=3)))
    assert counts.shape == (300, 7)
    assert (counts.sum(axis=1) == 7).all()
    np.testing.assert_array_equal(counts, np.vstack(list(draw_counts(7, 300, seed=3))))
    assert counts.mean() == pytest.approx(1.0)


def test_of_many_rows_no_more_and_no_fewer_resamples_are_drawn_than_asked_for() -> None:
    """They come in blocks, of which the last may be smaller."""
    blocks = [len(counts) for counts in draw_counts(100_000, 7, seed=3)]
    assert len(blocks) > 1
    assert sum(blocks) == 7


def test_the_interval_of_a_mean_is_that_of_the_textbook() -> None:
    values = np.random.default_rng(0).normal(3.0, 2.0, 2_000)
    found = bootstrap({"": row_means({"mean": values})}, 2_000, 1_000)[""]["mean"]
    estimate = interval(found)
    half_width = 1.96 * values.std() / np.sqrt(2_000)
    assert estimate.value == pytest.approx(values.mean())
    assert (estimate.high - estimate.low) / 2 == pytest.approx(half_width, rel=0.1)


def test_the_interval_of_auc_is_that_of_hanley_and_mcneil() -> None:
    """Standard error for exponential scores, where their formula is exact (1982, eq. 2)."""
    rng = np.random.default_rng(1)
    outcomes = np.repeat([1.0, 0.0], 1_500)
    scores = rng.exponential(np.where(outcomes == 1, 3.0, 1.0))
    found = bootstrap({"": churn_scorer(outcomes, scores / (1 + scores))}, 3_000, 400)[""]
    auc = found["roc_auc"].value
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + 1_499 * (q1 - auc**2) + 1_499 * (q2 - auc**2)
    assert found["roc_auc"].draws.std() == pytest.approx(math.sqrt(variance) / 1_500, rel=0.12)


def test_models_are_scored_on_the_same_draws() -> None:
    values = np.random.default_rng(0).normal(size=200)
    scorers: dict[str, Scorer] = {
        "ours": row_means({"m": values}),
        "less": row_means({"m": values - 0.25}),
    }
    found = bootstrap(scorers, 200, 100)
    estimate = interval(difference(found["ours"]["m"], found["less"]["m"]))
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx((0.25, 0.25, 0.25))


def test_a_gap_made_of_noise_is_reflected_and_holds_its_value() -> None:
    """Scores are right here: the true error is 0, whatever the sample's."""
    rng, plain_lows, reflected_lows = np.random.default_rng(2), [], []
    for _ in range(20):
        probabilities = rng.uniform(0.1, 0.9, 800)
        outcomes = (rng.random(800) < probabilities).astype(np.float64)
        ece = bootstrap({"": churn_scorer(outcomes, probabilities)}, 800, 60)[""]["ece"]
        plain, reflected = interval(ece), interval(ece, reflected=True)
        assert plain.high > reflected.high  # resampling added noise to noise
        assert reflected.low <= ece.value <= reflected.high
        plain_lows.append(plain.low)
        reflected_lows.append(reflected.low)
    assert np.mean(reflected_lows) < np.mean(plain_lows) / 2


def test_what_is_not_defined_has_no_interval() -> None:
    nothing = interval(Resampled(math.nan, np.array([1.0, 2.0])))
    assert math.isnan(nothing.low)
    assert math.isnan(nothing.high)
    some = interval(Resampled(1.0, np.array([math.nan, 1.0, 1.0])))
    assert some == Estimate(1.0, 1.0, 1.0)


def test_distance_counts_both_sides_of_what_is_right() -> None:
    found = distance(Resampled(0.9, np.array([0.8, 1.1])), 1.0)
    assert found.value == pytest.approx(0.1)
    np.testing.assert_allclose(found.draws, [0.2, 0.1])
