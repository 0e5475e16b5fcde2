"""Intervals of means, significance between two models, and slices."""

from __future__ import annotations

import numpy as np
import pytest

from models.metrics.comparison import compare_models, mean_interval, sliced


def test_the_interval_is_that_of_the_normal_approximation() -> None:
    points = np.random.default_rng(0).exponential(size=2_000)
    estimate = mean_interval(points, resamples=2_000)
    error = points.std() / np.sqrt(points.size)
    assert estimate.value == pytest.approx(points.mean())
    assert estimate.low == pytest.approx(points.mean() - 1.96 * error, abs=0.2 * error)
    assert estimate.high == pytest.approx(points.mean() + 1.96 * error, abs=0.2 * error)


def test_undefined_customers_are_left_out() -> None:
    assert mean_interval(np.array([1.0, np.nan, 3.0])).value == 2.0
    assert np.isnan(mean_interval(np.array([np.nan])).value)
    assert compare_models(np.array([1.0, np.nan]), np.array([0.0, 5.0])).difference.value == 1.0


def test_chance_is_significant_one_time_in_twenty() -> None:
    random = np.random.default_rng(1)
    p_values = [
        compare_models(*random.normal(size=(2, 80)), resamples=10, flips=300).p_value
        for _ in range(300)
    ]
    assert np.mean(np.array(p_values) < 0.05) == pytest.approx(0.05, abs=0.03)


def test_a_real_difference_is_found_and_the_same_model_never_is() -> None:
    random = np.random.default_rng(2)
    ours = random.normal(size=400)
    better = compare_models(ours, ours - 0.2 + 0.5 * random.normal(size=400))
    assert better.p_value < 0.01
    assert 0 < better.difference.low < better.difference.value < better.difference.high
    assert compare_models(ours, ours).p_value == 1.0


@pytest.mark.parametrize("gap", [1.0, -1.0, 0.1])
def test_the_test_is_two_sided(gap: float) -> None:
    """Of sixteen ways to flip four equal gaps two reach as far: all as they are, and none."""
    found = compare_models(np.full(4, gap), np.zeros(4), flips=20_000)
    assert found.p_value == pytest.approx(2 / 16, abs=0.01)


def test_no_number_of_flips_proves_a_difference_beyond_doubt() -> None:
    assert compare_models(np.ones(200), np.zeros(200), flips=99).p_value == 1 / 100


def test_no_customers_prove_nothing() -> None:
    assert np.isnan(compare_models(np.zeros(0), np.zeros(0)).p_value)


def test_slices_are_means_among_like_histories() -> None:
    points = {"recall": np.array([0.0, 1.0, 0.5, np.nan, 1.0])}
    found = sliced(points, np.array([1, 1, 2, 3, 9]), (1, 2, 4))
    assert found == {
        "1": {"customers": 2.0, "recall": 0.5},
        "2-3": {"customers": 2.0, "recall": 0.5},
        "4+": {"customers": 1.0, "recall": 1.0},
    }
