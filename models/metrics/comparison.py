"""Intervals of a mean over customers, and tests whether one model is better than another.

Everything works on one number per customer, as returned by :mod:`models.metrics.ranking`. Customers
for whom it is not defined (NaN) are left out, for both models alike.
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
        Two-sided, of the sign-flip test (Fisher's randomisation): the probability of a difference
        this large if it were random which model had which of a customer's two numbers.
    """

    difference: Estimate
    p_value: float


def mean_interval(
    points: PerCustomer, resamples: int = 500, seed: int = 0, level: float = LEVEL
) -> Estimate:
    """Return the mean with its bootstrap percentile interval over customers."""
    defined = points[~np.isnan(points)]
    if defined.size == 0:
        return Estimate(float("nan"), float("nan"), float("nan"))
    counts = draw_counts(defined.size, resamples, seed)
    means = np.concatenate([drawn @ defined for drawn in counts]) / defined.size
    tails = [(1 - level) / 2, (1 + level) / 2]
    low, high = (float(bound) for bound in np.quantile(means, tails))
    return Estimate(float(defined.mean()), low, high)


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
    # Flipping the sign of a zero difference changes nothing.
    different = gaps[gaps != 0]
    random = np.random.default_rng(seed)
    reached, observed = 0, abs(different.sum())
    at_a_time = max(1, _CELLS_AT_A_TIME // max(different.size, 1))
    for start in range(0, flips, at_a_time):
        some = min(at_a_time, flips - start)
        signs = random.integers(0, 2, (some, different.size), dtype=np.int8) * 2.0 - 1.0
        reached += int((np.abs(signs @ different) >= observed * (1 - 1e-12)).sum())
    return (reached + 1) / (flips + 1)


def sliced(
    points: Mapping[str, PerCustomer], sizes: NDArray[np.integer], edges: Sequence[int]
) -> dict[str, dict[str, float]]:
    """Return the mean of each metric by length of the customers' history.

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
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else float("nan")
