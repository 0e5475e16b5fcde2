"""Out-of-time calibration: planted slopes and levels are found."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from models.churn_value.calibration import fit_slope


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
