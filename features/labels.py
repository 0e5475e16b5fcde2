"""Labels at the same cutoffs as the vectors: what happened in ``[as_of, as_of + horizon)``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.engine import Engine
from features.family import AGE_DAYS, AS_OF_DAY, KEYS, standing_orders
from features.rollup import (
    DAY,
    FIRST_KNOWN_FROM,
    KNOWN_FROM,
    KNOWN_UNTIL,
    STANDS,
    Rollups,
)
from features.vectors import register_cutoffs
from features.vocabulary import Columns as C

Days = NDArray[np.int64]

# The horizons that a shop may be given without asking; see `suggest_horizon_days`.
HORIZONS_DAYS = (30, 60, 90, 120, 180, 365)


def build_labels(
    engine: Engine,
    rollups: Rollups,
    cutoffs: Sequence[date],
    horizon_days: int,
    *,
    lookback_days: int,
    yearly_discount_rate: float,
) -> pd.DataFrame:
    """Return the outcomes of the population at each cutoff.

    The population is everyone with a net-positive order in ``lookback_days`` before it.

    Returns
    -------
    Frame sorted by customer_id and as_of with ``churned`` (1 when no net-positive order falls
    in the horizon, judged at its end), ``orders_next`` and ``margin_next``: the horizon's
    discounted margin, refunds included, of those who buy. It is zero for the others, even
    where an older order is refunded: that refund belongs to the value of the older order.
    """
    table = register_cutoffs(engine, cutoffs)
    past = standing_orders(rollups, table)
    recent = past.filter(past[AGE_DAYS] <= lookback_days)
    population = recent.select(*KEYS).distinct()
    orders = _orders_next(rollups, table, horizon_days)
    money = _margin_next(rollups, table, horizon_days, yearly_discount_rate)
    joined = population.left_join(orders, list(KEYS)).drop(*(f"{key}_right" for key in KEYS))
    joined = joined.left_join(money, list(KEYS)).drop(*(f"{key}_right" for key in KEYS))
    frame = engine.frame(joined.order_by(*KEYS))
    count = frame["orders_next"].fillna(0).to_numpy(dtype=np.int64)
    margin = frame["margin_next"].fillna(0.0).astype("float64").round(6)
    return pd.DataFrame(
        {
            C.CUSTOMER_ID: frame[C.CUSTOMER_ID],
            C.AS_OF: pd.to_datetime(frame[AS_OF_DAY], unit="D").dt.date,
            "churned": (count == 0).astype(np.int8),
            "orders_next": count,
            "margin_next": np.where(count > 0, margin, 0.0),
        }
    )


def _in_horizon(rollup: ir.Table, cutoffs: ir.Table, horizon_days: int) -> ir.Table:
    paired = rollup.cross_join(cutoffs)
    return paired.filter(
        (paired[DAY] >= paired[AS_OF_DAY]) & (paired[DAY] < paired[AS_OF_DAY] + horizon_days)
    )


def _orders_next(rollups: Rollups, cutoffs: ir.Table, horizon_days: int) -> ir.Table:
    orders = _in_horizon(rollups["order_states"], cutoffs, horizon_days)
    # A purchase that the systems learned of late is still one: then its first state counts.
    end = ibis.greatest(orders[AS_OF_DAY] + horizon_days, orders[FIRST_KNOWN_FROM] + 1)
    last_word = orders[KNOWN_UNTIL].isnull() | (orders[KNOWN_UNTIL] >= end)
    standing = orders.filter(orders[STANDS] & last_word & (orders[KNOWN_FROM] < end))
    return standing.group_by(*KEYS).aggregate(orders_next=standing.count())


def _margin_next(
    rollups: Rollups, cutoffs: ir.Table, horizon_days: int, yearly_discount_rate: float
) -> ir.Table:
    moved = _in_horizon(rollups["customer_day"], cutoffs, horizon_days)
    years_ahead = (moved[DAY] - moved[AS_OF_DAY]) / 365.0
    worth_now = (-years_ahead * float(np.log1p(yearly_discount_rate))).exp()
    return moved.group_by(*KEYS).aggregate(margin_next=(moved.margin * worth_now).sum())


def order_gaps_days(engine: Engine, rollups: Rollups, as_of: date) -> Days:
    """Return the days between successive order days of repeat customers, as known at a date."""
    orders = standing_orders(rollups, register_cutoffs(engine, [as_of]))
    days = engine.frame(orders.select(C.CUSTOMER_ID, DAY).distinct().order_by(C.CUSTOMER_ID, DAY))
    gaps = days.groupby(C.CUSTOMER_ID)[DAY].diff().dropna()
    return gaps.to_numpy(dtype=np.int64)


def suggest_horizon_days(gaps_days: Days) -> tuple[int, str]:
    """Return the churn horizon for a shop with these gaps between orders, and the evidence.

    The smallest standard horizon at or above the 80th percentile.
    """
    if gaps_days.size == 0:
        return HORIZONS_DAYS[-1], "nobody has ordered twice: the longest standard horizon"
    percentile = float(np.percentile(gaps_days, 80))
    horizon = next((h for h in HORIZONS_DAYS if h >= percentile), HORIZONS_DAYS[-1])
    return horizon, (
        f"80 % of {gaps_days.size:,} gaps between orders are at most {percentile:.0f} days"
    )
