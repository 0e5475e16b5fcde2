"""Predictive intervals of value: a chance of nothing, else an amount; widened until they hold.

A customer's value is zero with P(no order) and otherwise follows the amount's distribution, so
its distribution function ``F`` starts at P(no order). The interval of a *confidence* c leaves
1 - c outside: half on each side, or, where no order at all is likelier than that, all above an
interval that begins at zero. Which confidence is needed to cover 90 % is measured on windows
that the model had not seen: distributional conformal prediction (Chernozhukov, Wuthrich & Zhu
2021), apart for newcomers and others (Vovk 2003), for less is known of newcomers. It is measured
at the levels that those windows turned out to have. At the levels foretold, one Christmas decided
how wide the next year's intervals were: .78 to .95 was needed from one month to the next on
Online Retail II, and .87 to .93 is this way.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

COVERAGE = 0.90
_FEWEST = 50


def tails(p_none: Floats, confidence: Floats) -> tuple[Floats, Floats]:
    """Return the probabilities left out below and above, shape (n,) each."""
    outside = 1.0 - confidence
    from_zero = p_none >= outside / 2.0
    return np.where(from_zero, 0.0, outside / 2.0), np.where(from_zero, outside, outside / 2.0)


def needed_confidence(p_none: Floats, rank: Floats, lost: NDArray[np.bool_]) -> Floats:
    """Return the least confidence from which on every interval holds each outcome.

    Parameters
    ----------
    p_none
        P(no order) said of each row.
    rank
        ``F`` at what the customer brought; ignored (0) where nothing was bought.
    lost
        Who brought less than nothing: no interval goes below zero, so none holds them.
    """
    # Up to this confidence the interval is two-sided; beyond, it begins at zero.
    switch = np.maximum(1.0 - 2.0 * p_none, 0.0)
    some = np.where(rank > switch, rank, np.minimum(np.abs(2.0 * rank - 1.0), switch))
    return np.where(lost, 1.0, np.where(rank > 0, some, switch))


def conformal_confidence(needed: Floats, coverage: float = COVERAGE) -> float:
    """Return the confidence that holds ``coverage`` of outcomes like these; itself without many."""
    if len(needed) < _FEWEST:
        return coverage
    place = min(int(np.ceil((len(needed) + 1) * coverage)), len(needed)) - 1
    return float(np.clip(np.sort(needed)[place], 0.5, 0.999))


def newcomers(vectors: pd.DataFrame) -> NDArray[np.bool_]:
    """Return who has one order or none: nothing is known of their rhythm.

    Nobody, where orders are not counted.
    """
    if "orders_lifetime" not in vectors:
        return np.zeros(len(vectors), dtype=np.bool_)
    orders = vectors["orders_lifetime"].to_numpy(dtype=np.float64, na_value=np.nan)
    return np.asarray(~(orders > 1), dtype=np.bool_)
