"""Calibration slope and intercept: how a logistic fit would still change the probabilities.

The slope of the outcome on the logit of the prediction is 1 where scores are as spread as they
should be, below 1 where they are too extreme; the intercept, in logits with the slope held at
1, is 0 where their level is right, above 0 where outcomes are more frequent than predicted
(Cox 1958; Van Calster et al. 2019).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from models.metrics.order import Scorer

Floats = NDArray[np.float64]

_SUREST = 1e-6
_STEPS = 60
_CONVERGED = 1e-10
# Beyond this the outcomes are separated and the likelihood has no maximum.
_STEEPEST = 1e3


def recalibration_scorer(outcomes: Floats, probabilities: Floats) -> Scorer:
    """Return the scorer of ``calibration_slope`` and ``calibration_intercept``.

    Resamples take one Newton step from the sample's own optimum, which is off by no more than
    order 1/n (Davison & Hinkley 1997, section 2.7). NaN where there is no optimum: one outcome
    alone, outcomes that are separated, or, for the slope, one probability for all.
    """
    logits: Floats = logit(np.clip(probabilities, _SUREST, 1 - _SUREST))
    line = np.column_stack([np.ones_like(logits), logits])
    slope = _newton(line, np.zeros_like(logits), outcomes)
    level = _newton(line[:, :1], logits, outcomes)
    slope_rows = _derivatives(line, np.zeros_like(logits), outcomes, slope)
    level_rows = _derivatives(line[:, :1], logits, outcomes, level)

    def score(counts: Floats) -> dict[str, Floats]:
        return {
            "calibration_slope": _step(slope, counts @ slope_rows)[:, 1],
            "calibration_intercept": _step(level, counts @ level_rows)[:, 0],
        }

    return score


def _newton(columns: Floats, offset: Floats, outcomes: Floats) -> Floats:
    """Return the maximum likelihood coefficients, NaN where there is no maximum."""
    found: Floats = np.zeros(columns.shape[1])
    none: Floats = np.full_like(found, np.nan)
    one = np.ones((1, len(outcomes)))
    loss = _loss(columns, offset, outcomes, found)
    for _ in range(_STEPS):
        target = _step(found, one @ _derivatives(columns, offset, outcomes, found))[0]
        if not np.isfinite(target).all() or np.abs(target).max() > _STEEPEST:
            return none
        step = target - found
        while (after := _loss(columns, offset, outcomes, found + step)) > loss + 1e-12:
            step = step / 2
        found, loss = found + step, after
        if np.abs(step).max() < _CONVERGED:
            return found
    return none


def _loss(columns: Floats, offset: Floats, outcomes: Floats, at: Floats) -> float:
    logits = columns @ at + offset
    return float(np.logaddexp(0.0, logits).mean() - np.mean(outcomes * logits))


def _derivatives(columns: Floats, offset: Floats, outcomes: Floats, at: Floats) -> Floats:
    """Return each row's gradient and information, flat, shape (n, k + k * k)."""
    chances = expit(columns @ at + offset)
    gradient = columns * (outcomes - chances)[:, None]
    products = (columns[:, :, None] * columns[:, None, :]).reshape(len(columns), -1)
    return np.hstack([gradient, products * (chances * (1 - chances))[:, None]])


def _step(at: Floats, sums: Floats) -> Floats:
    """Return where a Newton step leads, NaN where none can be taken, shape (resamples, k).

    Parameters
    ----------
    sums
        Of the derivatives of the rows drawn, shape (resamples, k + k * k).
    """
    width = len(at)
    gradient, information = sums[:, :width], sums[:, width:].reshape(-1, width, width)
    steps = np.full_like(gradient, np.nan)
    if not np.isfinite(at).all():
        return steps
    scale = np.einsum("ijj->ij", information).prod(axis=1)
    solvable = np.linalg.det(information) > 1e-12 * scale
    steps[solvable] = np.linalg.solve(information[solvable], gradient[solvable][..., None])[..., 0]
    return at + steps
