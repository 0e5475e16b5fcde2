"""Money: all that moved between a customer and the shop, by day."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.rollup import DAY, KNOWN_FROM, Rollup, Tables, dated
from features.settings import ShopSettings
from features.vocabulary import Columns as C

# Channels that are counted by name; what came through any other is counted together.
CHANNELS = ("web", "app", "store", "phone")


def customer_day(tables: Tables, shop: ShopSettings) -> ir.Table:  # noqa: ARG001
    """One row per customer and day: all goods and money that moved, returns and costs included.

    Margin here is net of the cost to serve, which lands on the day that it arose. Lines with a
    channel are counted by channel too; ``assumed_revenue`` is that of lines whose cost of goods
    is unknown.
    """
    lines = tables["lines"]
    bought = lines.units > 0
    nothing = ibis.literal(0).cast("float64")
    moved = lines.select(
        C.CUSTOMER_ID,
        DAY,
        KNOWN_FROM,
        revenue=lines.revenue,
        margin=lines.margin,
        discount=lines.discount,
        refunds=ibis.ifelse(bought, 0.0, -lines.revenue),
        cost_to_serve=nothing,
        shipping_cost=nothing,
        payment_cost=nothing,
        assumed_revenue=ibis.ifelse(bought & (lines.margin_assumed == 1), lines.revenue, 0.0),
        return_lines=(~bought).cast("int64"),
        lines=bought.cast("int64"),
        units=ibis.ifelse(bought, lines.units, 0.0),
        **_lines_by_channel(lines, bought),
    )
    if "costs" in tables:
        moved = moved.union(_costs_to_serve(dated(tables["costs"]), moved))
    measures = moved.columns[3:]
    return moved.group_by(C.CUSTOMER_ID, DAY, KNOWN_FROM).aggregate(
        **{name: moved[name].sum() for name in measures}
    )


def _lines_by_channel(lines: ir.Table, bought: ir.BooleanValue) -> dict[str, ir.Value]:
    """Mark bought lines by where they were ordered; those without a channel nowhere."""
    channel = lines[C.CHANNEL]
    named = bought & channel.notnull()
    marks = {f"{name}_lines": named & (channel == name) for name in CHANNELS}
    marks["other_channel_lines"] = named & channel.notin(CHANNELS)
    return {name: mark.cast("float64") for name, mark in marks.items()}


def _costs_to_serve(costs: ir.Table, moved: ir.Table) -> ir.Table:
    """Shape the costs table like the moves of :func:`customer_day`."""
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
        reads=("lines",),
        may_read=("costs",),
        build=customer_day,
    ),
)
