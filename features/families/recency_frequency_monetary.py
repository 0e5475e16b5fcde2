"""Recency, frequency and monetary value over several windows and the whole history.

Sources: Bult & Wansbeek 1995; Fader, Hardie & Lee 2005 ("RFM and CLV"). Half-life columns weigh
each order by ``0.5 ** (age / half-life)``, so that no order drops out from one day to the next.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.family import (
    AGE_DAYS,
    KEYS,
    Column,
    Family,
    half_life_weight,
    history,
    left_join,
    net_positive_orders,
    within,
)
from features.rollup import Rollups

WINDOWS_DAYS = (30, 90, 180, 365)
HALF_LIVES_DAYS = (60, 180)

COLUMNS = (
    Column("recency_days", "days since the last net-positive order", "days", "no such order"),
    Column("first_order_days", "days since the first net-positive order", "days", "no such order"),
    Column("orders_lifetime", "net-positive orders so far", "orders", "no such order"),
    Column("order_value_mean", "mean revenue of an order", "money", "no such order"),
    Column("order_value_last", "revenue of the largest order on the last order day", "money",
           "no such order"),
    Column("order_value_max", "revenue of the largest order", "money", "no such order"),
    Column("order_value_deviation", "standard deviation of the orders' revenue", "money",
           "fewer than two orders"),
    Column("revenue_lifetime", "revenue so far, net of returns", "money"),
    Column("margin_lifetime", "margin so far, net of returns", "money"),
    *(Column(f"orders_{days}d", f"net-positive orders in the last {days} days", "orders",
             "no such order ever") for days in WINDOWS_DAYS),
    *(Column(f"orders_half_life_{days}d",
             f"net-positive orders, each losing half its weight every {days} days", "orders",
             "no such order") for days in HALF_LIVES_DAYS),
    *(Column(f"order_revenue_half_life_{days}d",
             f"revenue of net-positive orders, losing half its weight every {days} days", "money",
             "no such order") for days in HALF_LIVES_DAYS),
    *(Column(f"revenue_{days}d", f"net revenue in the last {days} days", "money")
      for days in WINDOWS_DAYS),
    *(Column(f"margin_{days}d", f"net margin in the last {days} days", "money")
      for days in WINDOWS_DAYS),
)  # fmt: skip


def compute(rollups: Rollups, cutoffs: ir.Table) -> ir.Table:
    """Count net-positive orders; sum all money, returns included."""
    placed = net_positive_orders(rollups, cutoffs)
    # Structs compare field by field: the youngest order comes first, and of those the largest.
    youngest = ibis.struct({"age": placed[AGE_DAYS], "less": -placed.revenue})
    orders = placed.group_by(*KEYS).aggregate(
        order_value_last=-youngest.min()["less"],
        recency_days=placed[AGE_DAYS].min(),
        first_order_days=placed[AGE_DAYS].max(),
        orders_lifetime=placed.count(),
        order_value_mean=placed.revenue.mean(),
        order_value_max=placed.revenue.max(),
        order_value_deviation=placed.revenue.std(how="sample"),
        **{f"orders_{days}d": within(placed, days).sum() for days in WINDOWS_DAYS},
        **{
            f"orders_half_life_{days}d": half_life_weight(placed, days).sum()
            for days in HALF_LIVES_DAYS
        },
        **{
            f"order_revenue_half_life_{days}d": (
                placed.revenue * half_life_weight(placed, days)
            ).sum()
            for days in HALF_LIVES_DAYS
        },
    )
    moved = history(rollups["customer_day"], cutoffs)
    money = moved.group_by(*KEYS).aggregate(
        revenue_lifetime=moved.revenue.sum(),
        margin_lifetime=moved.margin.sum(),
        **{f"revenue_{d}d": (moved.revenue * within(moved, d)).sum() for d in WINDOWS_DAYS},
        **{f"margin_{d}d": (moved.margin * within(moved, d)).sum() for d in WINDOWS_DAYS},
    )
    joined = left_join(money, orders)
    return joined.select(*KEYS, *(column.name for column in COLUMNS))


FAMILY = Family(
    name="recency_frequency_monetary",
    meaning="how recently, how often and for how much a customer orders",
    reads=("order_states", "customer_day"),
    columns=COLUMNS,
    compute=compute,
)
