"""Out-of-time calibration: planted slopes and levels are found, seasons are kept apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from models.calibration import SeasonalCalibration, fit_slope


def planted(
    slope: float, levels: list[float], each: int = 20_000, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return scores, outcomes and windows; truth stretches scores around each window's mean."""
    random = np.random.default_rng(seed)
    window = np.repeat(np.arange(len(levels)) * 30, each)
    scores = random.normal(0.3, 0.8, window.size) + window / 100
    centre = np.array([scores[window == day].mean() for day in window[::each]])
    index = window // 30
    truth = centre[index] + slope * (scores - centre[index]) + np.array(levels)[index]
    outcomes = (random.random(truth.size) < expit(truth)).astype(np.float64)
    return scores, outcomes, window


@pytest.mark.parametrize("slope", [0.6, 1.0, 1.8])
@pytest.mark.parametrize("levels", [[0.0], [-0.4, 0.2, 0.8]])
def test_planted_slope_and_levels_are_found(slope: float, levels: list[float]) -> None:
    found_slope, found_level = fit_slope(*planted(slope, levels))
    assert found_slope == pytest.approx(slope, abs=0.05)
    assert found_level == pytest.approx(np.mean(levels), abs=0.04)


def test_levels_of_windows_do_not_bend_the_slope() -> None:
    """One intercept for all windows would read the levels into the slope."""
    slope, _ = fit_slope(*planted(1.0, [-1.5, 1.5]))
    assert slope == pytest.approx(1.0, abs=0.05)


def test_the_order_of_rows_does_not_matter() -> None:
    rows = planted(1.4, [0.1, -0.3], each=2_000)
    order = np.random.default_rng(1).permutation(len(rows[0]))
    np.testing.assert_allclose(fit_slope(*rows), fit_slope(*(part[order] for part in rows)), 1e-5)


def test_one_outcome_in_a_window_gives_a_bounded_level() -> None:
    scores = np.linspace(-1, 1, 100)
    slope, level = fit_slope(scores, np.ones(100), np.zeros(100, dtype=np.int64))
    assert 0.3 <= slope <= 3.0
    assert 0 < level <= 5.0


CALIBRATION = SeasonalCalibration(
    slope=2.0, level=0.5, seasons=(20_000, 20_030, 20_060), pivots=(0.0, 1.0, 2.0)
)


def test_scores_are_stretched_around_their_season() -> None:
    """Far from its neighbours a season's pivot is its own."""
    alone = SeasonalCalibration(2.0, 0.5, (20_000,), (1.0,))
    out = alone.apply(np.array([0.0, 1.0, 3.0]), np.array([20_000] * 3))
    np.testing.assert_allclose(out, [-1.0, 1.0, 5.0])


def test_the_level_moves_only_seasons_that_training_has_not_seen() -> None:
    alone = SeasonalCalibration(1.0, 0.5, (20_000,), (0.0,))
    days = np.array([20_000, 20_030, 20_031, 20_365, 20_183])
    np.testing.assert_allclose(alone.apply(np.zeros(5), days), [0.0, 0.0, 0.5, 0.0, 0.5])


def test_the_year_is_a_circle() -> None:
    """A year on, the season is the same again."""
    scores, day = np.array([0.7]), np.array([20_030])
    year = np.array([365])
    here = CALIBRATION.apply(scores, day)
    np.testing.assert_allclose(CALIBRATION.apply(scores, day + year), here, atol=0.01)
    np.testing.assert_allclose(CALIBRATION.apply(scores, day - year), here, atol=0.01)


def test_pivots_blend_between_neighbouring_seasons() -> None:
    pivot = CALIBRATION.apply(np.array([0.0]), np.array([20_015]))
    stretched_to = CALIBRATION.apply(np.array([1.0]), np.array([20_015])) - pivot
    np.testing.assert_allclose(stretched_to, 2.0)
    assert 0.0 < -pivot[0] < 2.0  # pivot + 2 (0 - pivot) = -pivot


@given(st.integers(0, 60_000), st.floats(-8, 8))
def test_any_cutoff_gets_a_finite_logit(day: int, score: float) -> None:
    assert np.isfinite(CALIBRATION.apply(np.array([score]), np.array([day]))).all()


@given(st.lists(st.tuples(st.floats(-5, 5), st.integers(19_000, 21_000)), max_size=20))
def test_rows_are_calibrated_one_by_one(rows: list[tuple[float, int]]) -> None:
    scores = np.array([score for score, _ in rows])
    days = np.array([day for _, day in rows], dtype=np.int64)
    together = CALIBRATION.apply(scores, days)
    alone = [CALIBRATION.apply(scores[[i]], days[[i]])[0] for i in range(len(rows))]
    assert together.tolist() == alone


def test_ranking_within_a_cutoff_is_kept() -> None:
    scores = np.random.default_rng(0).normal(size=50)
    out = CALIBRATION.apply(scores, np.full(50, 20_200))
    assert np.array_equal(np.argsort(out), np.argsort(scores))


def test_it_comes_back_from_json_as_it_was() -> None:
    assert SeasonalCalibration.from_json(CALIBRATION.to_json()) == CALIBRATION
