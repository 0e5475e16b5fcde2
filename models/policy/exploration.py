"""Exploration with known probabilities, so that other policies can be judged on the log.

A policy is a probability for every candidate. The action is drawn by a hash of the decision, and
its probability is the propensity, exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.errors import DataError
from models.policy.assignment import draw, unit_uniform

Floats = NDArray[np.float64]

_POINTS = 41  # few, since somebody waits for the answer


@dataclass(frozen=True)
class Decision:
    """The position of the candidate taken, and the probability with which it was."""

    action: int
    propensity: float


def decide(probabilities: Floats, unit: str, salt: str) -> Decision:
    """Draw a candidate by hash: the same unit and salt take the same one.

    Parameters
    ----------
    probabilities
        Of each candidate, sum 1.
    unit
        Id that is hashed: the decision's, or the customer's for a choice that stays the same.
    """
    if len(probabilities) == 0 or probabilities.min() < 0 or probabilities.sum() <= 0:
        raise DataError(
            "there is no candidate with a chance to be taken",
            "give every candidate a probability of at least 0; doing nothing is one of them",
        )
    action = draw(probabilities, unit_uniform(unit, salt))
    return Decision(action, float(probabilities[action] / probabilities.sum()))


def chances_to_be_best(values: Floats, deviations: Floats) -> Floats:
    """Return P(each candidate has the largest value), given its mean and standard error.

    Drawing from it is Thompson sampling (1933) over independent normal values, with the propensity
    known instead of simulated: ``P(a best) = integral f_a(x) prod_{b != a} F_b(x) dx``, on a grid
    finer than any of them. A deviation of zero means a known value; equal known values have equal
    probabilities.

    Parameters
    ----------
    values, deviations
        Mean and standard error of each candidate's value, shape (candidates,).
    """
    from scipy.special import ndtr

    # A known value is treated as normal with a tiny deviation; the grid has points around it.
    hair = 1e-9 * max(float(np.abs(values).max()), float(deviations.max()), 1e-300)
    spread = np.maximum(deviations, hair)[:, None]
    grid = np.unique(values[:, None] + spread * np.linspace(-6, 6, _POINTS))
    below: Floats = ndtr((grid - values[:, None]) / spread)
    return _best_of(below)


def _best_of(below: Floats) -> Floats:
    """Return P(each is the largest), from P(each is below a point), shape (candidates, points)."""
    between = (below[:, 1:] + below[:, :-1]) / 2
    chances = (np.diff(below, axis=1) * _product_of_others(between)).sum(axis=1)
    return np.asarray(chances / chances.sum())


def _product_of_others(values: Floats) -> Floats:
    """Return, for each row, the product of all other rows; without division by zero."""
    none = np.ones((1, values.shape[1]))
    before = np.cumprod(np.vstack([none, values[:-1]]), axis=0)
    after = np.cumprod(np.vstack([none, values[:0:-1]]), axis=0)[::-1]
    return np.asarray(before * after)
