"""Value tiers: the top 1, 5, 10, 25 and 50 % of predicted value, by frozen cut-points."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.segments.cut_points import TIER_SHARES, CutPoints
from models.segments.hysteresis import settled_places

Floats = NDArray[np.float64]

TIERS = (*TIER_SHARES, "rest")
# Predicted value breathes by several percent from week to week though nothing happened.
MARGIN = 0.1


def value_tier(
    value: Floats,
    cuts: CutPoints,
    previous: Sequence[str | None] | None = None,
    *,
    margin: float = MARGIN,
) -> list[str | None]:
    """Return each customer's tier by ``clv_predicted``; none where that is missing.

    Parameters
    ----------
    previous
        Each customer's tier before, none where there was none. Who has one moves only once
        past a cut-point by ``margin``, a share of it below 1.
    """
    bounds = np.array(cuts.tiers)
    places = settled_places(value, bounds, margin * np.abs(bounds), previous, TIERS)
    return [
        None if missing else TIERS[place]
        for place, missing in zip(places.tolist(), np.isnan(value).tolist(), strict=True)
    ]
