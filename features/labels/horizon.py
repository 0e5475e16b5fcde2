"""The churn horizon that the gaps between a shop's orders suggest."""

from __future__ import annotations

from datetime import date

import ibis
import numpy as np
from numpy.typing import NDArray

from features.engine import Engine
from features.family import net_positive_orders
from features.rollup import DAY, Rollups
from features.vectors import register_cutoffs
from features.vocabulary import Columns as C

Days = NDArray[np.int64]

# The horizons that may be suggested to a shop.
HORIZONS_DAYS = (30, 60, 90, 120, 180, 365)


def order_gaps_days(engine: Engine, rollups: Rollups, as_of: date) -> Days:
    """Return all customers' gaps between successive order days, in days, ascending.

    Orders count as they were known at ``as_of``.
    """
    cutoff = register_cutoffs(engine, [as_of])
    parts = []
    for share in rollups.shares():
        days = net_positive_orders(share, cutoff).select(C.CUSTOMER_ID, DAY).distinct()
        by_customer = ibis.window(group_by=days[C.CUSTOMER_ID], order_by=days[DAY])
        gaps = days.select(gap=days[DAY] - days[DAY].lag().over(by_customer))
        frame = engine.frame(gaps.filter(gaps.gap.notnull()))
        parts.append(frame["gap"].to_numpy(dtype=np.int64))
    return np.sort(np.concatenate(parts))


def suggest_horizon_days(gaps_days: Days) -> tuple[int, str]:
    """Return the churn horizon for a shop with these gaps between orders, and why in words.

    It is the smallest standard horizon that is not below the 80th percentile of the gaps.
    """
    if gaps_days.size == 0:
        return HORIZONS_DAYS[-1], "nobody has ordered twice: the longest standard horizon"
    percentile = float(np.percentile(gaps_days, 80))
    horizon = next((h for h in HORIZONS_DAYS if h >= percentile), HORIZONS_DAYS[-1])
    return horizon, (
        f"80 % of {gaps_days.size:,} gaps between orders are at most {percentile:.0f} days"
    )
