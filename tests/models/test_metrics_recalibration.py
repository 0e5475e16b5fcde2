"""Calibration slope and intercept: known distortions are found."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from models.metrics.bootstrap import draw_counts
from models.metrics.classification import (
    calibration_error_by_chance,
    expected_calibration_error,
)
from models.metrics.order import of_the_sample
from models.metrics.recalibration import recalibration_scorer

RANDOM = np.random.default_rng(0)
LOGITS = RANDOM.normal(0.3, 1.2, 20_000)
OUTCOMES = (RANDOM.random(20_000) < expit(LOGITS)).astype(np.float64)


def scored(outcomes: np.ndarray, probabilities: np.ndarray) -> tuple[float, float]:
    card = of_the_sample(recalibration_scorer(outcomes, probabilities), len(outcomes))
    return card["calibration_slope"], card["calibration_intercept"]


def test_true_probabilities_need_no_change() -> None:
    slope, intercept = scored(OUTCOMES, expit(LOGITS))
    assert slope == pytest.approx(1.0, abs=0.05)
    assert intercept == pytest.approx(0.0, abs=0.05)


@pytest.mark.parametrize(("stretch", "shift"), [(2.0, 0.0), (0.5, 0.0), (0.02, 0.0), (1.0, -0.7)])
def test_a_known_distortion_is_undone(stretch: float, shift: float) -> None:
    slope, intercept = scored(OUTCOMES, expit(stretch * LOGITS + shift))
    assert slope == pytest.approx(1 / stretch, rel=0.05)
    if stretch == 1.0:
        assert intercept == pytest.approx(-shift, abs=0.05)


def test_true_probabilities_of_rare_outcomes_need_no_change_either() -> None:
    random = np.random.default_rng(2)
    logits = random.uniform(-9.0, -4.0, 200_000)
    outcomes = (random.random(200_000) < expit(logits)).astype(np.float64)
    slope, intercept = scored(outcomes, expit(logits))
    assert slope == pytest.approx(1.0, abs=0.1)
    assert intercept == pytest.approx(0.0, abs=0.1)


def test_the_slope_is_that_of_an_unpenalised_logistic_regression() -> None:
    x, y = LOGITS[:500], OUTCOMES[:500]
    line = LogisticRegression(C=1e9, tol=1e-9, max_iter=1_000).fit(x[:, None], y)
    assert scored(y, expit(x))[0] == pytest.approx(line.coef_[0, 0], rel=1e-4)


def test_one_probability_for_all_has_a_level_but_no_slope() -> None:
    outcomes = np.repeat([1.0, 0.0], [30, 70])
    slope, intercept = scored(outcomes, np.full(100, 0.6))
    assert math.isnan(slope)
    assert intercept == pytest.approx(logit(0.3) - logit(0.6))


def test_one_outcome_alone_has_neither() -> None:
    slope, intercept = scored(np.ones(10), np.linspace(0.1, 0.9, 10))
    assert math.isnan(slope)
    assert math.isnan(intercept)


def test_separated_outcomes_have_no_slope() -> None:
    outcomes = np.repeat([0.0, 1.0], 10)
    assert math.isnan(scored(outcomes, np.linspace(0.1, 0.9, 20))[0])


def test_a_resample_s_one_step_is_near_its_own_optimum() -> None:
    x, y = LOGITS[:3_000], OUTCOMES[:3_000]
    counts = next(draw_counts(3_000, 20, seed=1))
    quick = recalibration_scorer(y, expit(x))(counts)
    for place, times in enumerate(counts.astype(int)):
        slope, intercept = scored(np.repeat(y, times), np.repeat(expit(x), times))
        assert quick["calibration_slope"][place] == pytest.approx(slope, abs=0.01)
        assert quick["calibration_intercept"][place] == pytest.approx(intercept, abs=0.01)


@pytest.mark.parametrize("n", [60, 600])
def test_the_calibration_error_of_right_probabilities_is_chance(n: int) -> None:
    rng, probabilities = np.random.default_rng(5), np.linspace(0.05, 0.7, n)
    errors = [
        expected_calibration_error(
            (rng.random(n) < probabilities).astype(np.float64), probabilities
        )
        for _ in range(400)
    ]
    mean, spread = calibration_error_by_chance(probabilities)
    assert mean == pytest.approx(np.mean(errors), rel=0.08)
    assert spread == pytest.approx(np.std(errors), rel=0.15)


@given(st.lists(st.tuples(st.sampled_from([0.0, 1.0]), st.floats(0, 1)), min_size=1, max_size=30))
@settings(deadline=None)
def test_any_scores_give_a_number_or_none(rows: list[tuple[float, float]]) -> None:
    outcomes, probabilities = np.array(rows).T
    for figure in scored(outcomes, probabilities):
        assert math.isnan(figure) or abs(figure) <= 1e3
