"""Intervals and whole distributions, beside closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import norm

from models.metrics.order import of_the_sample
from models.metrics.spread import (
    crps_from_quantiles,
    crps_scorer,
    interval_scorer,
)

MONEY = st.floats(-100, 1_000)


def test_intervals_by_hand() -> None:
    actual = np.array([1.0, 5.0, 12.0, -1.0])
    low, high = np.zeros(4), np.array([2.0, 5.0, 10.0, 3.0])
    card = of_the_sample(interval_scorer(actual, low, high, 0.9), 4)
    assert card["interval_coverage"] == 0.5  # bounds count as inside
    assert card["interval_width"] == pytest.approx(5.0)
    assert card["interval_score"] == pytest.approx(5.0 + 2 / 0.1 * (2.0 + 1.0) / 4)


def test_outcomes_on_either_bound_are_inside() -> None:
    """Who brings nothing lies on the lower bound of every interval that begins at zero."""
    on_bounds = np.array([0.0, 4.0])
    card = of_the_sample(interval_scorer(on_bounds, np.zeros(2), np.full(2, 4.0), 0.9), 2)
    assert card["interval_coverage"] == 1.0
    assert card["interval_score"] == card["interval_width"] == 4.0


def test_true_quantiles_have_the_best_interval_score() -> None:
    actual = np.random.default_rng(0).normal(size=20_000)
    scores = {}
    for reach in (1.2, 1.645, 2.2):
        bounds = np.full(20_000, reach)
        scores[reach] = of_the_sample(interval_scorer(actual, -bounds, bounds, 0.9), 20_000)
    assert min(scores, key=lambda reach: scores[reach]["interval_score"]) == 1.645
    assert scores[1.645]["interval_coverage"] == pytest.approx(0.9, abs=0.01)


def test_crps_of_the_normal_is_its_closed_form() -> None:
    """Gneiting & Raftery 2007, eq. 21."""
    actual = np.array([-1.5, 0.0, 0.4, 2.0])
    levels = (np.arange(2_000) + 0.5) / 2_000
    quantiles = np.tile(norm.ppf(levels), (4, 1))
    wanted = actual * (2 * norm.cdf(actual) - 1) + 2 * norm.pdf(actual) - 1 / np.sqrt(np.pi)
    found = crps_from_quantiles(actual, quantiles, levels)
    np.testing.assert_allclose(found, wanted, atol=1e-3)


@given(st.data())
def test_crps_of_equally_likely_values_is_the_energy_form(data: st.DataObject) -> None:
    """E|X - y| - E|X - X'| / 2 for the empirical distribution."""
    k = data.draw(st.integers(1, 6))
    samples = data.draw(arrays(np.float64, (3, k), elements=MONEY))
    actual = data.draw(arrays(np.float64, 3, elements=MONEY))
    apart = np.abs(samples[:, :, None] - samples[:, None, :]).mean(axis=(1, 2))
    wanted = np.abs(samples - actual[:, None]).mean(axis=1) - apart / 2
    found = crps_from_quantiles(actual, np.sort(samples, axis=1), (np.arange(k) + 0.5) / k)
    np.testing.assert_allclose(found, wanted, atol=1e-8)


def test_a_median_alone_is_the_absolute_error() -> None:
    actual, predicted = np.array([1.0, -2.0]), np.array([[4.0], [-2.5]])
    found = crps_from_quantiles(actual, predicted, np.array([0.5]))
    np.testing.assert_allclose(found, [3.0, 0.5])
    card = of_the_sample(crps_scorer(actual, predicted, np.array([0.5])), 2)
    assert card == {"crps": pytest.approx(1.75)}
