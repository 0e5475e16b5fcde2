"""Kaplan-Meier by hand, without censoring, and for any durations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.metrics.survival import kaplan_meier


def test_the_estimate_by_hand() -> None:
    """Events on days 1, 3 (two of them) and 6; cut short on days 2 and 4."""
    days = np.array([1.0, 2.0, 3.0, 3.0, 4.0, 6.0])
    curve = kaplan_meier(days, np.array([True, False, True, True, False, True]))
    np.testing.assert_array_equal(curve.days, [0, 1, 3, 6])
    np.testing.assert_allclose(curve.survival, [1, 5 / 6, 5 / 6 * 2 / 4, 0], atol=1e-12)


def test_greenwood_s_bounds_by_hand() -> None:
    days = np.array([1.0, 2.0, 3.0, 4.0])
    curve = kaplan_meier(days, np.array([True, False, False, False]))
    variance = 1 / (4 * 3)
    reach = 1.959964 * np.sqrt(variance) / abs(np.log(0.75))
    assert curve.low[1] == pytest.approx(0.75 ** np.exp(reach), rel=1e-6)
    assert curve.high[1] == pytest.approx(0.75 ** np.exp(-reach), rel=1e-6)


def test_without_censoring_it_is_the_share_that_is_left() -> None:
    days = np.random.default_rng(0).integers(1, 50, 400).astype(np.float64)
    curve = kaplan_meier(days, np.ones(400, dtype=bool))
    wanted = [(days > day).mean() for day in curve.days]
    np.testing.assert_allclose(curve.survival, wanted, atol=1e-12)


def test_bands_hold_what_they_promise() -> None:
    """Exponential times, cut short at day 60: the truth at day 30 is exp(-1/2)."""
    rng, held = np.random.default_rng(3), 0
    for _ in range(300):
        times = rng.exponential(60.0, 150)
        curve = kaplan_meier(np.minimum(times, 60.0), times <= 60.0)
        at = np.searchsorted(curve.days, 30.0, side="right") - 1
        held += curve.low[at] <= np.exp(-0.5) <= curve.high[at]
    assert held / 300 == pytest.approx(0.95, abs=0.035)


@given(st.lists(st.tuples(st.integers(0, 20).map(float), st.booleans()), min_size=1, max_size=40))
def test_it_falls_from_one_and_lies_within_its_bounds(rows: list[tuple[float, bool]]) -> None:
    days, happened = zip(*rows, strict=True)
    curve = kaplan_meier(np.array(days), np.array(happened))
    assert curve.survival[0] == 1.0
    assert (np.diff(curve.survival) <= 0).all()
    assert (curve.survival >= 0).all()
    told = np.isfinite(curve.low)
    assert (curve.low[told] <= curve.survival[told] + 1e-12).all()
    assert (curve.high[told] >= curve.survival[told] - 1e-12).all()
