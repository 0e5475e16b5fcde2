"""Money: all goods and money that moved between each customer and the shop, by day."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.rollup import DAY, KNOWN_FROM, Rollup, Tables, dated
from features.rollups.orders import BY_CHANNEL
from features.settings import ShopSettings
from features.vocabulary import Columns as C


def customer_day(tables: Tables, shop: ShopSettings) -> ir.Table:
    """One row per customer and day: all goods and money that moved, returns and costs included.

    Margin here is net of the cost to serve, which counts on its own day.
    """
    orders = tables["order_moves"]
    nothing = ibis.literal(0).cast("float64")
    moved = orders.select(
        C.CUSTOMER_ID,
        DAY,
        KNOWN_FROM,
        "revenue",
        "margin",
        "discount",
        "refunds",
        "assumed_revenue",
        "return_lines",
        *BY_CHANNEL,
        cost_to_serve=nothing,
        shipping_cost=nothing,
        payment_cost=nothing,
        lines=orders.lines - orders.return_lines,
        units=orders.bought_units,
    )
    if "costs" in tables:
        moved = moved.union(_costs_to_serve(dated(tables["costs"]), moved))
    measures = moved.columns[3:]
    days = moved.group_by(C.CUSTOMER_ID, DAY, KNOWN_FROM).aggregate(
        **{name: moved[name].sum() for name in measures}
    )
    # Every cutoff groups them by customer, which is faster where a customer's rows are adjacent.
    return days.order_by(C.CUSTOMER_ID)


def _costs_to_serve(costs: ir.Table, moved: ir.Table) -> ir.Table:
    """Give the costs table the columns of the moves in :func:`customer_day`."""
    amount, kind = costs[C.AMOUNT], costs[C.COST_KIND]
    money = {
        "margin": -amount,
        "cost_to_serve": amount,
        "shipping_cost": ibis.ifelse(kind == "shipping", amount, 0.0),
        "payment_cost": ibis.ifelse(kind == "payment", amount, 0.0),
    }
    nothing = {
        name: ibis.literal(0).cast(moved[name].type())
        for name in moved.columns[3:]
        if name not in money
    }
    return costs.mutate(**money, **nothing).select(*moved.columns)


ROLLUPS = (
    Rollup(
        "customer_day",
        "goods and money of each customer by day",
        reads=("order_moves",),
        may_read=("costs",),
        build=customer_day,
    ),
)
