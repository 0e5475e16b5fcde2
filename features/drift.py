"""How far a column's distribution has moved between two groups of customers.

The population stability index is the symmetrised Kullback-Leibler divergence over bins,
``sum (q - p) ln(q / p)`` with ``p`` the shares then and ``q`` those now. By the usual reading
it is stable below 0.1 and shifted above 0.25 (Siddiqi 2006, "Credit Risk Scorecards").
With few customers chance alone makes it larger than that: if nothing had moved it would be about
``(1/n + 1/m)`` times a chi-squared variable of one degree of freedom less than there are bins
(Yurdakul 2018, "Statistical Properties of Population Stability Index"), so a value that chance
explains counts as stable here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2

Reading = Literal["stable", "moved", "shifted", "uniform"]
Counts = NDArray[np.float64]

MOVED_ABOVE = 0.1
SHIFTED_ABOVE = 0.25

_QUANTILE_BINS = 10
_CATEGORY_BINS = 20
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Drift:
    """How far one column has moved.

    Attributes
    ----------
    psi
        Population stability index, 0 or more.
    psi_by_chance
        Its 95th percentile if nothing had moved and the two groups were independent; cautious
        where they share customers.
    reading
        ``uniform`` where all customers of a cutoff share one value, as of the season: it can only
        move with the calendar, or by an error in the records.
    """

    psi: float
    psi_by_chance: float
    reading: Reading


def measure_drift(then: pd.Series[Any], now: pd.Series[Any], *, category: bool) -> Drift:
    """Compare a column's values then and now; missing values are a bin of their own.

    Categories are compared by value, numbers by the deciles of ``then``.
    """
    bins = _category_bins if category else _number_bins
    counts_then, counts_now = bins(then, now)
    psi = stability_index(counts_then, counts_now)
    chance = _by_chance(counts_then, counts_now)
    one_value = then.nunique() == now.nunique() == 1
    if one_value and stability_index(_known_or_not(then), _known_or_not(now)) < MOVED_ABOVE:
        return Drift(psi, chance, "uniform")
    if psi < max(MOVED_ABOVE, chance):
        return Drift(psi, chance, "stable")
    return Drift(psi, chance, "moved" if psi <= SHIFTED_ABOVE else "shifted")


def stability_index(counts_then: Counts, counts_now: Counts) -> float:
    """Return the population stability index of counts in the same bins.

    Half a customer is added to each bin, so that an empty one does not make the index infinite.
    Bins that are empty on both sides are left out.
    """
    used = (counts_then + counts_now) > 0
    then, now = counts_then[used] + 0.5, counts_now[used] + 0.5
    p, q = then / then.sum(), now / now.sum()
    return float(((q - p) * np.log(q / p)).sum())


def _by_chance(counts_then: Counts, counts_now: Counts) -> float:
    freedom = int(((counts_then + counts_now) > 0).sum()) - 1
    if freedom < 1 or not (counts_then.any() and counts_now.any()):
        return 0.0
    return float((1 / counts_then.sum() + 1 / counts_now.sum()) * chi2.ppf(_CONFIDENCE, freedom))


def _known_or_not(values: pd.Series[Any]) -> Counts:
    known = values.count()
    return np.array([known, len(values) - known], dtype=np.float64)


def _number_bins(then: pd.Series[Any], now: pd.Series[Any]) -> tuple[Counts, Counts]:
    """Count by the deciles of ``then``, missing values last.

    A value so frequent that several deciles fall on it gets a bin of its own: else a column that
    was 1 for all, and is 0 now, would stay in one bin.
    """
    known = then.dropna().to_numpy(dtype=np.float64)
    inner = np.arange(1, _QUANTILE_BINS) / _QUANTILE_BINS
    deciles = np.quantile(known, inner) if len(known) else np.zeros(0)
    edges, repeats = np.unique(deciles, return_counts=True)
    edges = np.union1d(edges, np.nextafter(edges[repeats > 1], -np.inf))

    def count(values: pd.Series[Any]) -> Counts:
        numbers = values.dropna().to_numpy(dtype=np.float64)
        places = np.searchsorted(edges, numbers, side="left")
        counts = np.bincount(places, minlength=len(edges) + 1)
        return np.append(counts, len(values) - len(numbers)).astype(np.float64)

    return count(then), count(now)


def _category_bins(then: pd.Series[Any], now: pd.Series[Any]) -> tuple[Counts, Counts]:
    """Count by value, the 20 commonest of ``then``; all others together, missing values last."""
    common = pd.Index(common_values(then, _CATEGORY_BINS), dtype="str")

    def count(values: pd.Series[Any]) -> Counts:
        known = values.dropna()
        places = common.get_indexer(pd.Index(known))
        places[places < 0] = len(common)
        counts = np.bincount(places, minlength=len(common) + 1)
        return np.append(counts, len(values) - len(known)).astype(np.float64)

    return count(then), count(now)


def common_values(values: pd.Series[Any], most: int) -> list[str]:
    """Return the most frequent values, ties by name."""
    counts = values.value_counts()
    return sorted(counts.index, key=lambda name: (-counts[name], name))[:most]
