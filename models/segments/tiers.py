"""Value tiers: the top 1, 5, 10, 25 and 50 % of predicted value, by frozen cut-points."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.bundle.schema import TIERS
from models.segments.cut_points import CutPoints
from models.segments.hysteresis import settled_places

Floats = NDArray[np.float64]

# Predicted value moves by several percent from week to week even if nothing happens.
MARGIN = 0.1


def value_tier(
    value: Floats,
    cuts: CutPoints,
    previous: Sequence[str | None] | None = None,
    *,
    margin: float = MARGIN,
) -> list[str | None]:
    """Return each customer's tier by ``clv_predicted``; None if that is missing.

    Parameters
    ----------
    value
        ``clv_predicted``, shape (n,).
    previous
        Each customer's tier before, None if there was none. A customer with a tier keeps it until
        past a cut-point by ``margin``, a share of the cut-point below 1.
    """
    bounds = np.array(cuts.tiers)
    places = settled_places(value, bounds, margin * np.abs(bounds), previous, TIERS)
    return [
        None if missing else TIERS[place]
        for place, missing in zip(places.tolist(), np.isnan(value).tolist(), strict=True)
    ]
