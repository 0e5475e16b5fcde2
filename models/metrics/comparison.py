"""How sure a mean over customers is, and whether one model is truly better than another.

Everything works on one number per customer, as :mod:`models.metrics.ranking` returns them;
customers for whom it is not defined (NaN) are left out, for both models alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.metrics.bootstrap import LEVEL, Estimate, draw_counts
from models.metrics.ranking import PerCustomer

_CELLS_AT_A_TIME = 4_000_000


@dataclass(frozen=True)
class Comparison:
    """How much better ours is: the mean paired difference, its interval, and the p-value.

    Attributes
    ----------
    p_value
        Two-sided, of the sign-flip test (Fisher's randomisation): how often a difference this
        large comes about when it is chance which model earned which customer's points.
    """

    difference: Estimate
    p_value: float


def mean_interval(
    points: PerCustomer, resamples: int = 500, seed: int = 0, level: float = LEVEL
) -> Estimate:
    """Return the mean with its bootstrap percentile interval over customers."""
    told = points[~np.isnan(points)]
    if told.size == 0:
        return Estimate(float("nan"), float("nan"), float("nan"))
    counts = draw_counts(told.size, resamples, seed)
    means = np.concatenate([drawn @ told for drawn in counts]) / told.size
    tails = [(1 - level) / 2, (1 + level) / 2]
    low, high = (float(bound) for bound in np.quantile(means, tails))
    return Estimate(float(told.mean()), low, high)


def compare_models(
    ours: PerCustomer, theirs: PerCustomer, resamples: int = 500, flips: int = 2_000, seed: int = 0
) -> Comparison:
    """Compare two models on the same customers."""
    gaps = ours - theirs
    gaps = gaps[~np.isnan(gaps)]
    return Comparison(mean_interval(gaps, resamples, seed), _sign_flip(gaps, flips, seed))


def _sign_flip(gaps: PerCustomer, flips: int, seed: int) -> float:
    if gaps.size == 0:
        return float("nan")
    # Customers on whom both agree carry no sign.
    told = gaps[gaps != 0]
    random = np.random.default_rng(seed)
    reached, observed = 0, abs(told.sum())
    at_a_time = max(1, _CELLS_AT_A_TIME // max(told.size, 1))
    for start in range(0, flips, at_a_time):
        some = min(at_a_time, flips - start)
        flipped = random.integers(0, 2, (some, told.size), dtype=np.int8) * 2.0 - 1.0
        reached += int((np.abs(flipped @ told) >= observed * (1 - 1e-12)).sum())
    return (reached + 1) / (flips + 1)


def sliced(
    points: Mapping[str, PerCustomer], sizes: NDArray[np.integer], edges: Sequence[int]
) -> dict[str, dict[str, float]]:
    """Mean of each metric among customers whose history is of like length.

    Parameters
    ----------
    sizes
        Length of each customer's history, such as orders; shape (n,).
    edges
        Lower edges of the slices, ascending: ``(1, 2, 4)`` gives 1, 2-3 and 4+.

    Returns
    -------
    dict
        By slice, then by metric; ``customers`` is how many there are.
    """
    uppers = [*edges[1:], None]
    found: dict[str, dict[str, float]] = {}
    for lower, upper in zip(edges, uppers, strict=True):
        inside = (sizes >= lower) & (sizes < (np.inf if upper is None else upper))
        means = {name: _mean(values[inside]) for name, values in points.items()}
        found[_slice_name(lower, upper)] = {"customers": float(inside.sum()), **means}
    return found


def _slice_name(lower: int, upper: int | None) -> str:
    if upper is None:
        return f"{lower}+"
    return str(lower) if upper == lower + 1 else f"{lower}-{upper - 1}"


def _mean(values: PerCustomer) -> float:
    told = values[~np.isnan(values)]
    return float(told.mean()) if told.size else float("nan")
