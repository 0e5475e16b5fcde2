"""Churn and value: who orders within the horizon, how often, and what it is worth."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.engine import Engine
from features.family import AS_OF_DAY, KEYS, left_join
from features.labels.window import DAYS_AHEAD, frame_by_share, in_horizon, population
from features.rollup import FIRST_KNOWN_FROM, IS_NET_POSITIVE, KNOWN_FROM, KNOWN_UNTIL, Rollups
from features.vectors import register_cutoffs
from features.vocabulary import Columns as C

Floats = NDArray[np.float64]


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
    in the horizon, judged by the returns known at its end), ``orders_next`` (their number) and
    ``margin_next``: the discounted margin of the horizon, refunds included, of customers who
    order in it. It is zero for the others, even where an older order is refunded: that refund
    belongs to the value of the older order.
    """
    return build_labels_at_horizons(
        engine,
        rollups,
        cutoffs,
        [horizon_days],
        lookback_days=lookback_days,
        yearly_discount_rate=yearly_discount_rate,
    ).drop(columns="horizon_days")


def build_labels_at_horizons(
    engine: Engine,
    rollups: Rollups,
    cutoffs: Sequence[date],
    horizons_days: Sequence[int],
    *,
    lookback_days: int,
    yearly_discount_rate: float,
) -> pd.DataFrame:
    """Return the outcomes of :func:`build_labels` over several horizons, in one pass.

    All horizons are judged by the returns known at the end of the longest. So whoever churned
    over a longer horizon churned over every shorter one, which would not hold if each were judged
    at its own end: an order that is returned later would keep a customer for a while.

    Returns
    -------
    Frame sorted by customer_id, as_of and ``horizon_days``, one row for each of them.
    """
    cutoff_table = register_cutoffs(engine, cutoffs)
    horizons = sorted(set(horizons_days))

    def compute(share: Rollups) -> ir.Table:
        orders = orders_in_horizon(share, cutoff_table, horizons[-1])
        counts = orders.group_by(*KEYS).aggregate(
            **{f"orders_{days}": _up_to(orders, days).sum() for days in horizons}
        )
        money = _discounted_margin(share, cutoff_table, horizons, yearly_discount_rate)
        judged = population(share, cutoff_table, lookback_days)
        return left_join(left_join(judged, counts, KEYS), money, KEYS)

    wide = frame_by_share(engine, rollups, compute)
    count = _values(wide, [f"orders_{days}" for days in horizons]).astype(np.int64)
    margin = _values(wide, [f"margin_{days}" for days in horizons]).round(6)
    repeated = wide[[C.CUSTOMER_ID, C.AS_OF]].loc[wide.index.repeat(len(horizons))]
    return repeated.reset_index(drop=True).assign(
        horizon_days=np.tile(np.array(horizons, dtype=np.int64), len(wide)),
        churned=(count == 0).astype(np.int8),
        orders_next=count,
        margin_next=np.where(count > 0, margin, 0.0),
    )


def orders_in_horizon(rollups: Rollups, cutoffs: ir.Table, horizon_days: int) -> ir.Table:
    """Return the net-positive orders placed in each cutoff's horizon, judged at its end."""
    orders = in_horizon(rollups["order_states"], cutoffs, horizon_days)
    # An order that reached the systems after the horizon still counts: in its first state.
    end = ibis.greatest(orders[AS_OF_DAY] + horizon_days, orders[FIRST_KNOWN_FROM] + 1)
    latest = orders[KNOWN_UNTIL].isnull() | (orders[KNOWN_UNTIL] >= end)
    return orders.filter(orders[IS_NET_POSITIVE] & latest & (orders[KNOWN_FROM] < end))


def _discounted_margin(
    rollups: Rollups, cutoffs: ir.Table, horizons: Sequence[int], yearly_discount_rate: float
) -> ir.Table:
    moved = in_horizon(rollups["customer_day"], cutoffs, horizons[-1])
    # Floats throughout: Spark reads 365.0 as a decimal, and rounds quotients of decimals.
    years_ahead = moved[DAYS_AHEAD].cast("float64") / 365
    worth_now = moved.margin * (-years_ahead * float(np.log1p(yearly_discount_rate))).exp()
    return moved.group_by(*KEYS).aggregate(
        **{f"margin_{days}": (worth_now * _up_to(moved, days)).sum() for days in horizons}
    )


def _up_to(table: ir.Table, horizon_days: int) -> ir.IntegerValue:
    """Return 1 where a fact falls in this horizon, else 0."""
    return (table[DAYS_AHEAD] < horizon_days).cast("int64")


def _values(frame: pd.DataFrame, columns: Sequence[str]) -> Floats:
    """Return the columns' values as one array, row by row, with zero for missing values."""
    return frame[list(columns)].astype("float64").fillna(0.0).to_numpy().ravel()
