"""Empirical likelihood: asymmetric intervals for skewed data (Owen 1988, 2001).

Weighted rewards are mostly zero with a long tail; symmetric intervals then miss on the upper side.
The empirical likelihood ratio at ``theta`` is the largest product of ``n w_i`` over weights of sum
1 with ``sum w_i m_i(theta) = 0``, and -2 log of it is referred to F(1, n - 1).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import f

Floats = NDArray[np.float64]


def likelihood_interval(
    moment: Callable[[float], Floats],
    estimate: float,
    bounds: tuple[float, float],
    confidence: float = 0.95,
) -> tuple[float, float]:
    """Return the values that the data does not rule out.

    Parameters
    ----------
    moment
        ``theta -> m(theta)``, shape (n,), whose mean is zero at ``estimate`` and falls as
        ``theta`` grows.
    bounds
        Where every ``m_i`` has one sign: no value beyond is possible.
    """
    n = len(moment(estimate))
    if n < 2:
        return bounds
    allowed = float(f.ppf(confidence, 1, n - 1))

    def excess(theta: float) -> float:
        return _twice_log_ratio(moment(theta)) - allowed

    def end(bound: float) -> float:
        # At the bound itself the ratio is zero; a hair inside it is finite.
        near = bound + 1e-9 * (estimate - bound)
        if near == estimate or excess(near) <= 0:
            return bound
        return float(brentq(excess, near, estimate, xtol=1e-12, rtol=1e-9))

    return end(bounds[0]), end(bounds[1])


def mean_interval(values: Floats, confidence: float = 0.95) -> tuple[float, float]:
    """Return the interval of the mean of independent values, shape (n,)."""
    bounds = (float(values.min()), float(values.max()))
    return likelihood_interval(
        lambda theta: values - theta, float(values.mean()), bounds, confidence
    )


def _twice_log_ratio(moments: Floats) -> float:
    """Return -2 log of the empirical likelihood ratio that the moments have mean zero."""
    values, counts = np.unique(moments, return_counts=True)
    least, most = values[0], values[-1]
    if least >= 0 or most <= 0:
        return 0.0 if least == most == 0 else float("inf")
    n = len(moments)

    def slope(multiplier: float) -> float:
        return float(counts @ (values / (1 + multiplier * values)))

    # Every weight 1 / (n (1 + multiplier m)) lies in (0, 1]: Owen 1988, equation 2.5.
    low, high = (1 / n - 1) / most, (1 / n - 1) / least
    if slope(low) < 0 or slope(high) > 0:
        return float("inf")
    # Zero where the mean is: no relative tolerance is ever met there.
    multiplier = brentq(slope, low, high, xtol=1e-12 * min(-low, high), rtol=1e-12)
    return float(2 * counts @ np.log1p(multiplier * values))
