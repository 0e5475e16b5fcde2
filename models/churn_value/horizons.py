"""Several horizons at once: which outcomes are known, and how one score answers for all of them.

A customer who does not order within 90 days has not ordered within 30 either, and the latest
cutoffs know their first 30 days long before their 90th. So one score is learned from every
horizon that is known yet, ``logit P(no order by h | x, cutoff t) = level(t, h) + score(x)``:
a cumulative-link model (McCullagh 1980) by composite likelihood (Varin, Reid & Firth 2011).
The levels, one for each cutoff and horizon, take up the shop's seasons and growth; the score is
left with what tells customers of one day apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit

Floats = NDArray[np.float64]
Days = NDArray[np.int64]

_NEWTON_STEPS = 12
_ROUNDS_A_STEP = 5
_LARGEST_STEP = 2.0
_LARGEST_LEVEL = 8.0


@dataclass(frozen=True)
class Outcomes:
    """Rows to learn from.

    Attributes
    ----------
    vectors
        Features, ``customer_id`` and ``as_of``; n rows.
    days
        Each row's cutoff in days since 1970-01-01, shape (n,).
    horizons_days
        Ascending.
    silent
        1 where no order fell within the horizon, 0 where one did, NaN where that is not known
        yet; shape (n, horizons).
    """

    vectors: pd.DataFrame
    days: Days
    horizons_days: tuple[int, ...]
    silent: Floats

    def known_by(self, day: int) -> Outcomes:
        """Return what was known on a day: its cutoffs, and their outcomes so far."""
        ends = self.days[:, None] + np.array(self.horizons_days)
        silent = np.where(ends <= day, self.silent, np.nan)
        return self.rows(np.asarray(~np.isnan(silent).all(axis=1)), silent)

    def rows(self, chosen: NDArray[np.bool_], silent: Floats | None = None) -> Outcomes:
        """Return some of the rows."""
        outcome = self.silent if silent is None else silent
        return Outcomes(
            self.vectors[chosen].reset_index(drop=True),
            self.days[chosen],
            self.horizons_days,
            outcome[chosen],
        )


class CompositeObjective:
    """Gradients of the composite likelihood, the levels profiled out by a Newton step now and then.

    One instance serves one booster: it carries the levels from round to round.

    Parameters
    ----------
    silent
        (n, horizons) with NaN where unknown.
    weight
        Row weights, shape (n,); a row's known horizons share its weight.
    start
        What the booster's own scores are added to, shape (n,) or one for all.
    """

    def __init__(
        self, silent: Floats, days: Days, weight: Floats, start: Floats | float = 0.0
    ) -> None:
        self._start = start
        self._windows, self._window = np.unique(days, return_inverse=True)
        known = ~np.isnan(silent)
        # Mean weight 1, so that leaf sizes and the penalty mean the same in every shop.
        shared = known * (weight / np.maximum(known.sum(axis=1), 1))[:, None]
        # By horizon, then by row: what is done to all rows of a horizon runs through memory once.
        self._silent = np.ascontiguousarray(np.where(known, silent, 0.0).T)
        self._weight = np.ascontiguousarray((shared * (len(weight) / shared.sum())).T)
        self.levels = start_levels(silent, self._window, len(self._windows))
        self._round = 0

    def __call__(self, scores: Floats, _data: Any) -> tuple[Floats, Floats]:
        """Return gradient and Hessian of the loss at each row's score."""
        scores = scores + self._start
        residual, curvature = self._terms(scores)
        if self._round % _ROUNDS_A_STEP == 0:
            step = _newton(residual.T, curvature.T, self._window, len(self._windows))
            self.levels = self.levels - step
            residual, curvature = self._terms(scores)
        self._round += 1
        return residual.sum(axis=0), curvature.sum(axis=0)

    def _terms(self, scores: Floats) -> tuple[Floats, Floats]:
        """Return the loss's slope and bend by horizon and row."""
        # The odds of an order are a product: one exponential a row serves all horizons.
        chance = np.exp(-self.levels).T[:, self._window]
        chance *= np.exp(-scores)
        chance += 1.0
        np.reciprocal(chance, out=chance)
        return self._weight * (chance - self._silent), self._weight * chance * (1.0 - chance)


def fit_levels(
    scores: Floats, silent: Floats, days: Days, slopes: Floats
) -> tuple[Days, Floats, NDArray[np.int64]]:
    """Fit the level of each cutoff and horizon by maximum likelihood, the scores being given.

    Returns
    -------
    windows : the cutoffs, ascending
    levels : shape (windows, horizons)
    counts : known rows behind each level; 0 where there is none and the level means nothing
    """
    windows, window = np.unique(days, return_inverse=True)
    known = ~np.isnan(silent)
    target = np.where(known, silent, 0.0)
    levels = start_levels(silent, window, len(windows))
    offset = scores[:, None] * slopes
    for _ in range(_NEWTON_STEPS):
        chance = expit(offset + levels[window])
        residual, curvature = known * (chance - target), known * chance * (1.0 - chance)
        levels = levels - _newton(residual, curvature, window, len(windows))
        levels = np.clip(levels, -_LARGEST_LEVEL, _LARGEST_LEVEL)
    return windows, levels, _sums(known.astype(np.float64), window, len(windows)).astype(np.int64)


def start_levels(silent: Floats, window: NDArray[np.int64], count: int) -> Floats:
    """Return the log odds of silence in each cutoff and horizon, with one row's doubt added."""
    known = ~np.isnan(silent)
    total = _sums(known.astype(np.float64), window, count)
    return np.asarray(
        logit((_sums(np.where(known, silent, 0.0), window, count) + 0.5) / (total + 1.0)),
        dtype=np.float64,
    )


def _newton(residual: Floats, curvature: Floats, window: NDArray[np.int64], count: int) -> Floats:
    """Return one step for each level; none where nothing is known."""
    slope, bend = _sums(residual, window, count), _sums(curvature, window, count)
    step = np.divide(slope, bend, out=np.zeros_like(slope), where=bend > 1e-9)
    return np.clip(step, -_LARGEST_STEP, _LARGEST_STEP)


def _sums(values: Floats, window: NDArray[np.int64], count: int) -> Floats:
    columns = [np.bincount(window, column, minlength=count) for column in values.T]
    return np.column_stack(columns).astype(np.float64)
