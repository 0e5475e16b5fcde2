"""Segments, tiers and stages of the life cycle: words for numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

TIER_SHARES = {"top_1": 0.01, "top_5": 0.05, "top_10": 0.10, "top_25": 0.25, "top_50": 0.50}
_LOWEST_TIER = "rest"

# Rows: recency quintile 1-5; columns: frequency quintile 1-5.
_RFM_GRID = (
    ("hibernating", "hibernating", "at_risk", "at_risk", "cannot_lose"),
    ("hibernating", "hibernating", "at_risk", "at_risk", "cannot_lose"),
    ("about_to_sleep", "about_to_sleep", "need_attention", "loyal", "loyal"),
    ("promising", "potential_loyalist", "potential_loyalist", "loyal", "loyal"),
    ("new", "potential_loyalist", "potential_loyalist", "champions", "champions"),
)


@dataclass(frozen=True)
class CutPoints:
    """Where tiers and quintiles begin, in the population that is scored.

    Attributes
    ----------
    tiers
        Least ``clv_predicted`` of each tier of ``TIER_SHARES``, in its order.
    recency_days, frequency_orders
        Inner bounds of the quintiles, four each.
    """

    tiers: tuple[float, ...]
    recency_days: tuple[float, ...]
    frequency_orders: tuple[float, ...]

    @classmethod
    def fit(cls, value: Floats, recency_days: Floats, frequency_orders: Floats) -> CutPoints:
        """Place the cut-points on one population."""
        fifths = [0.2, 0.4, 0.6, 0.8]
        return cls(
            tuple(float(np.quantile(value, 1 - share)) for share in TIER_SHARES.values()),
            tuple(np.quantile(recency_days, fifths).tolist()),
            tuple(np.quantile(frequency_orders, fifths).tolist()),
        )


def value_tier(value: Floats, cuts: CutPoints) -> list[str | None]:
    """Return each customer's tier by ``clv_predicted``; none where that is missing."""
    names = [*TIER_SHARES, _LOWEST_TIER]
    reached = np.column_stack([value[:, None] >= np.array(cuts.tiers), np.ones(len(value), bool)])
    places = reached.argmax(axis=1)
    return [
        None if missing else names[place]
        for place, missing in zip(places, np.isnan(value), strict=True)
    ]


def rfm_segment(recency_days: Floats, frequency_orders: Floats, cuts: CutPoints) -> list[str]:
    """Return each customer's named segment from the recency and frequency quintiles."""
    recency = 4 - np.searchsorted(cuts.recency_days, recency_days, side="left")
    frequency = np.searchsorted(cuts.frequency_orders, frequency_orders, side="left")
    return [_RFM_GRID[r][f] for r, f in zip(recency, frequency, strict=True)]


def life_stage(vectors: pd.DataFrame, p_buys: Floats, horizon_days: int) -> list[str]:
    """Return each customer's stage.

    Repeat buyers go by P(buys in the horizon), one-time buyers by days since their order.
    Someone back after a gap of more than two horizons, within the last one, is reactivated.

    Parameters
    ----------
    vectors
        With ``orders_lifetime``, ``recency_days`` and ``gap_last_days``.
    p_buys
        NaN outside the population that is scored.
    """
    orders = vectors["orders_lifetime"].fillna(0).to_numpy()
    recency = vectors["recency_days"].to_numpy()
    back = (vectors["gap_last_days"].to_numpy() > 2 * horizon_days) & (recency <= horizon_days)
    by_age = np.select(
        [recency <= horizon_days, recency <= 2 * horizon_days, ~np.isnan(p_buys)],
        ["new", "cooling", "at_risk"],
        "lost",
    )
    by_chance = np.select(
        [np.isnan(p_buys), p_buys >= 0.5, p_buys >= 0.25, p_buys >= 0.1],
        ["lost", "active", "cooling", "at_risk"],
        "lost",
    )
    stage = np.select(
        [orders == 0, orders == 1, back], ["prospect", by_age, "reactivated"], by_chance
    )
    return [str(name) for name in stage]
