"""What the feature columns look like at a cutoff, and how far they moved since an earlier one.

Two sets of vectors in; one frame, and one histogram for each column, out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.drift import common_values, measure_drift
from features.family import Column, Family
from features.vectors import Vectors
from features.vocabulary import Columns as C

Floats = NDArray[np.float64]

MEASURES = ("mean", "median", "p5", "p95")
REPORT_COLUMNS = (
    "family",
    "column",
    "meaning",
    "unit",
    "missing",
    "kind",
    "coverage_then",
    "coverage_now",
    *(f"{measure}_{when}" for measure in MEASURES for when in ("then", "now")),
    "distinct_then",
    "distinct_now",
    "top_values_then",
    "top_values_now",
    "psi",
    "psi_by_chance",
    "drift",
)

_TOP_VALUES = 3
_HISTOGRAM_BINS = 24
_HISTOGRAM_NAMES = 8
_TAIL = 0.01


@dataclass(frozen=True)
class Histogram:
    """Shares of the customers with a value, by bin, then and now.

    Attributes
    ----------
    then, now
        Shape (bins,); each adds up to 1, or is 0 throughout where all values are missing.
    low, high
        Of numbers: where the bins begin and end; the outermost bins also hold the values beyond.
        NaN where all values are missing.
    names
        Of categories: what each bin counts; the last one may be for all other names.
    """

    then: Floats
    now: Floats
    low: float = math.nan
    high: float = math.nan
    names: tuple[str, ...] = ()


def at_cutoff(vectors: Vectors, as_of: date) -> Vectors:
    """Return the rows of one cutoff."""
    rows = vectors.frame[vectors.frame[C.AS_OF] == as_of]
    return replace(vectors, frame=rows.reset_index(drop=True))


def measure_features(then: Vectors, now: Vectors, families: Sequence[Family]) -> pd.DataFrame:
    """Describe every column of ``now`` beside the same column of ``then``.

    Returns
    -------
    One row a column, in the order of the vectors, with ``REPORT_COLUMNS``. Coverage is the share
    of customers for whom the column is not missing; measures are over those customers, in the
    column's unit, and missing for categories; ``top_values`` only for categories. The last three
    are those of :class:`~features.drift.Drift`.

    Raises
    ------
    ValueError
        The two are of different definitions, or one has no row.
    """
    if then.fingerprint != now.fingerprint:
        raise ValueError("the two sets of vectors are of different definitions")
    if then.frame.empty or now.frame.empty:
        raise ValueError("there is nothing to compare: a cutoff has no customers")
    family = {column.name: family.name for family in families for column in family.columns}
    rows = [
        {"family": family[column.name], "column": column.name}
        | _measure(column, then.frame[column.name], now.frame[column.name])
        for column in now.columns
    ]
    return pd.DataFrame(rows, columns=list(REPORT_COLUMNS))


def _measure(column: Column, then: pd.Series[Any], now: pd.Series[Any]) -> dict[str, Any]:
    category = column.kind == "category"
    drift = measure_drift(then, now, category=category)
    described = _describe_names if category else _describe_numbers
    return {
        "meaning": column.meaning,
        "unit": column.unit,
        "missing": column.missing,
        "kind": column.kind,
        **{f"{name}_then": value for name, value in described(then).items()},
        **{f"{name}_now": value for name, value in described(now).items()},
        "psi": drift.psi,
        "psi_by_chance": drift.psi_by_chance,
        "drift": drift.reading,
    }


def _describe_numbers(values: pd.Series[Any]) -> dict[str, Any]:
    p5, median, p95 = values.quantile([0.05, 0.5, 0.95])
    return {
        "coverage": float(values.notna().mean()),
        "mean": float(values.mean()),
        "median": float(median),
        "p5": float(p5),
        "p95": float(p95),
        "distinct": int(values.nunique()),
    }


def _describe_names(values: pd.Series[Any]) -> dict[str, Any]:
    shares = values.value_counts(normalize=True)
    top = common_values(values, _TOP_VALUES)
    return {
        "coverage": float(values.notna().mean()),
        "distinct": int(values.nunique()),
        "top_values": ", ".join(f"{name} {100 * shares[name]:.0f} %" for name in top),
    }


def feature_histograms(then: Vectors, now: Vectors) -> dict[str, Histogram]:
    """Return a small histogram of each column of ``now``, by name."""
    return {
        column.name: (_name_histogram if column.kind == "category" else _number_histogram)(
            then.frame[column.name], now.frame[column.name]
        )
        for column in now.columns
    }


def _number_histogram(then: pd.Series[Any], now: pd.Series[Any]) -> Histogram:
    """Count in equal bins between the 1st and 99th percentile of both together."""
    before, after = (part.dropna().to_numpy(dtype=np.float64) for part in (then, now))
    both = np.concatenate([before, after])
    if len(both) == 0:
        return Histogram(np.zeros(1), np.zeros(1))
    # Observed values, not points interpolated between them.
    low, high = np.quantile(both, [_TAIL, 1 - _TAIL], method="inverted_cdf").tolist()
    edges = _edges(low, high, whole=bool((both == np.rint(both)).all()))
    return Histogram(_shares(before, edges), _shares(after, edges), low, high)


def _edges(low: float, high: float, *, whole: bool) -> Floats:
    """Return bin edges: one bin for each of a few whole numbers, else equal steps."""
    if whole and high - low < _HISTOGRAM_BINS:
        return np.arange(low, high + 2) - 0.5
    if low == high:
        return np.array([low - 0.5, high + 0.5])
    return np.linspace(low, high, _HISTOGRAM_BINS + 1)


def _shares(values: Floats, edges: Floats) -> Floats:
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    return np.asarray(counts / max(len(values), 1), dtype=np.float64)


def _name_histogram(then: pd.Series[Any], now: pd.Series[Any]) -> Histogram:
    """Count the most common names of both together, and all others as one."""
    both = pd.concat([then, now])
    common = common_values(both, _HISTOGRAM_NAMES)
    others = both.nunique() - len(common)
    names = (*common, f"{others:,} others") if others else tuple(common)

    def shares(values: pd.Series[Any]) -> Floats:
        counts = values.value_counts().reindex(common, fill_value=0).to_numpy(dtype=np.float64)
        rest = [values.count() - counts.sum()] if others else []
        return np.append(counts, rest) / max(values.count(), 1)

    return Histogram(shares(then), shares(now), names=names)
