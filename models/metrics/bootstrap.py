"""Bootstrap intervals: how much a metric varies between samples of customers.

Customers are drawn with replacement; all models are scored on the same draws, so that their
differences are paired (Efron & Tibshirani 1993, chapters 13 and 16).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.metrics.order import Scorer, of_the_sample

Floats = NDArray[np.float64]

LEVEL = 0.95
# Numbers held in memory at a time by a resampled array.
_CELLS_AT_A_TIME = 500_000


@dataclass(frozen=True, eq=False)
class Resampled:
    """One metric of one model: on the sample, and on each resample, shape (resamples,)."""

    value: float
    draws: Floats


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval; NaN where it is not defined."""

    value: float
    low: float
    high: float


def draw_counts(n: int, resamples: int, seed: int) -> Iterator[Floats]:
    """Yield how often each of ``n`` rows is drawn, some resamples at a time, shape (some, n)."""
    rng = np.random.default_rng(seed)
    at_a_time = max(1, min(resamples, _CELLS_AT_A_TIME // max(n, 1)))
    for start in range(0, resamples, at_a_time):
        some = min(at_a_time, resamples - start)
        drawn = (np.bincount(rng.integers(0, n, n), minlength=n) for _ in range(some))
        yield np.array(list(drawn), dtype=np.float64)


def bootstrap(
    scorers: Mapping[str, Scorer], n: int, resamples: int = 500, seed: int = 0
) -> dict[str, dict[str, Resampled]]:
    """Score every model on the sample of ``n`` rows and on the same resamples of it.

    Returns
    -------
    By model, then by metric.
    """
    drawn: dict[str, list[dict[str, Floats]]] = {model: [] for model in scorers}
    for counts in draw_counts(n, resamples, seed):
        for model, scorer in scorers.items():
            drawn[model].append(scorer(counts))
    return {
        model: {
            metric: Resampled(value, np.concatenate([part[metric] for part in drawn[model]]))
            for metric, value in of_the_sample(scorer, n).items()
        }
        for model, scorer in scorers.items()
    }


def interval(found: Resampled, level: float = LEVEL, *, reflected: bool = False) -> Estimate:
    """Return the percentile interval, of the resamples where the metric is defined.

    Parameters
    ----------
    reflected
        For a metric of absolute gaps, which noise makes larger: in the sample, and once more in its
        resamples. That excess is removed by reflecting the percentiles at the sample's value (the
        basic interval, Davison & Hinkley 1997, section 5.2); the interval is widened to hold it.
    """
    defined = found.draws[np.isfinite(found.draws)]
    if not np.isfinite(found.value) or defined.size == 0:
        return Estimate(found.value, float("nan"), float("nan"))
    tails = [(1 - level) / 2, (1 + level) / 2]
    low, high = (float(bound) for bound in np.quantile(defined, tails))
    if reflected:
        mirrored = (2 * found.value - high, 2 * found.value - low)
        low, high = min(mirrored[0], found.value), max(mirrored[1], found.value)
    return Estimate(found.value, low, high)


def difference(ours: Resampled, theirs: Resampled) -> Resampled:
    """Return ours less theirs, pair by pair."""
    return Resampled(ours.value - theirs.value, ours.draws - theirs.draws)


def distance(found: Resampled, target: float) -> Resampled:
    """Return how far a metric lies from where it should be."""
    return Resampled(abs(found.value - target), np.abs(found.draws - target))
