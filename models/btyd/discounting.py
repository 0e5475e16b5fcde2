"""Discounted sums of future purchases, for any model of expected purchases."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from models.btyd.quadrature import unit_rule
from models.btyd.summary import Summary

Floats = NDArray[np.float64]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(10)
_FEW = ((_NODES + 1) / 2, _WEIGHTS / 2)
_RULE = unit_rule(40)
_MANY = (_RULE.nodes, _RULE.weights)
YEAR_DAYS = 365.0


def daily_rate(yearly_rate: float) -> float:
    """Return the continuous daily rate of a yearly one: 0.10 becomes ln(1.1) / 365."""
    return float(np.log1p(yearly_rate) / YEAR_DAYS)


def discounted(
    expected: Callable[[Summary, float], Floats], summary: Summary, horizon: float, rate: float
) -> Floats:
    """Return the integral of exp(-rate t) dE(t) over the horizon, shape (n,).

    Integrated by parts it is y(h) E(h) + the integral of E dy from y(h) to 1, with the discount
    factor y = exp(-rate t), so that only expected counts are needed.

    Parameters
    ----------
    expected
        E(t): the model's expected purchases within a time t.
    horizon
        May be infinite where the rate is not zero.
    rate
        Continuous rate per unit of the summary's time.
    """
    if rate == 0:
        return expected(summary, horizon)
    floor = float(np.exp(-rate * horizon))
    # Over a few years E is nearly linear in y, and few nodes are enough.
    nodes, weights = _FEW if rate * horizon <= 1 else _MANY
    total = floor * expected(summary, horizon) if floor > 0 else np.zeros(len(summary))
    for node, weight in zip(nodes, weights, strict=True):
        left = floor + (1 - floor) * node
        total = total + (1 - floor) * weight * expected(summary, float(-np.log(left) / rate))
    return np.asarray(total)
