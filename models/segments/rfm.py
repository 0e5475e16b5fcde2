"""RFM: quintiles of recency, frequency and revenue, and the named segments of their grid.

Source: Hughes 1994, Strategic Database Marketing; the grid is the usual one of (R, F).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.segments.cut_points import CutPoints

Floats = NDArray[np.float64]
Scores = NDArray[np.int64]

# Rows: recency quintile 1-5; columns: frequency quintile 1-5.
_GRID = (
    ("hibernating", "hibernating", "at_risk", "at_risk", "cannot_lose"),
    ("hibernating", "hibernating", "at_risk", "at_risk", "cannot_lose"),
    ("about_to_sleep", "about_to_sleep", "need_attention", "loyal", "loyal"),
    ("promising", "potential_loyalist", "potential_loyalist", "loyal", "loyal"),
    ("new", "potential_loyalist", "potential_loyalist", "champions", "champions"),
)


def rfm_scores(
    recency_days: Floats, frequency_orders: Floats, revenue: Floats, cuts: CutPoints
) -> pd.DataFrame:
    """Return each customer's three scores, 1 to 5 (the best), and all three as one text.

    Equal values have equal scores: if a fifth of the customers or more share a value, some scores
    do not occur. A missing value scores 1.

    Parameters
    ----------
    cuts
        Fitted with revenue.

    Returns
    -------
    ``recency_score``, ``frequency_score``, ``monetary_score``; ``rfm`` such as "543".
    """
    if not cuts.revenue:
        raise ValueError("these cut-points were fitted without revenue")
    scores = {
        "recency_score": _recency_score(recency_days, cuts),
        "frequency_score": _rising_score(frequency_orders, cuts.frequency_orders),
        "monetary_score": _rising_score(revenue, cuts.revenue),
    }
    frame = pd.DataFrame(scores)
    digits = 100 * frame["recency_score"] + 10 * frame["frequency_score"] + frame["monetary_score"]
    return frame.assign(rfm=digits.astype("str"))


def rfm_segment(recency_days: Floats, frequency_orders: Floats, cuts: CutPoints) -> list[str]:
    """Return each customer's named segment from the recency and frequency quintiles."""
    recency = _recency_score(recency_days, cuts) - 1
    frequency = _rising_score(frequency_orders, cuts.frequency_orders) - 1
    return [_GRID[r][f] for r, f in zip(recency.tolist(), frequency.tolist(), strict=True)]


def _recency_score(days: Floats, cuts: CutPoints) -> Scores:
    """Score few days high; a customer who never ordered is infinitely long ago."""
    days = np.where(np.isnan(days), np.inf, days)
    return 5 - np.searchsorted(cuts.recency_days, days, side="left").astype(np.int64)


def _rising_score(values: Floats, bounds: tuple[float, ...]) -> Scores:
    values = np.where(np.isnan(values), -np.inf, values)
    return 1 + np.searchsorted(bounds, values, side="left").astype(np.int64)
