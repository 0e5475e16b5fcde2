"""Survival of real customers, and of those a model expects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SurvivalCurve:
    """Share without the event after each of the days, with pointwise bounds, shape (k,)."""

    days: Floats
    survival: Floats
    low: Floats
    high: Floats


def kaplan_meier(
    duration_days: Floats, happened: NDArray[np.bool_], level: float = 0.95
) -> SurvivalCurve:
    """Estimate the share without the event (Kaplan & Meier 1958; Greenwood's variance).

    Parameters
    ----------
    duration_days
        Days until the event, or until the customer was last known to be without it.
    happened
        True where the duration ended in the event, false where it was only cut short.

    Returns
    -------
    One point per day on which an event happened, after day 0 with share 1. Bounds are normal
    on the scale of log(-log(survival)), which keeps them between 0 and 1; where nobody is left
    they are undefined.
    """
    days, place = np.unique(duration_days, return_inverse=True)
    ended = np.bincount(place)
    events = np.bincount(place, weights=happened.astype(np.float64))
    at_risk = len(duration_days) - np.concatenate([[0], np.cumsum(ended)[:-1]])
    survival = np.cumprod(1 - events / at_risk)
    left = at_risk > events
    terms = np.divide(events, at_risk * (at_risk - events), out=np.zeros_like(survival), where=left)
    low, high = _log_log_bounds(survival, np.cumsum(terms), level)
    with_event = events > 0
    one = np.ones(1)
    curves = [np.concatenate([one, part[with_event]]) for part in (survival, low, high)]
    return SurvivalCurve(np.concatenate([[0.0], days[with_event]]), *curves)


def _log_log_bounds(survival: Floats, greenwood: Floats, level: float) -> tuple[Floats, Floats]:
    bounds = [np.full_like(survival, np.nan) for _ in range(2)]
    inside = (survival > 0) & (survival < 1)
    log = np.log(survival[inside])
    half_width = ndtri((1 + level) / 2) * np.sqrt(greenwood[inside]) / np.abs(log)
    for bound, sign in zip(bounds, (1, -1), strict=True):
        bound[survival == 1] = 1.0
        bound[inside] = survival[inside] ** np.exp(sign * half_width)
    return bounds[0], bounds[1]
