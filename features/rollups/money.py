"""Money: all that moved between a customer and the shop, by day."""

from __future__ import annotations

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir

from features.rollup import DAY, KNOWN_FROM, Rollup, Tables, dated
from features.settings import ShopSettings
from features.vocabulary import Columns as C


def customer_day(tables: Tables, shop: ShopSettings) -> ir.Table:  # noqa: ARG001
    """One row per customer and day: all goods and money that moved, returns and costs included.

    Margin here is net of the cost to serve, which lands on the day that it arose.
    """
    lines = tables["lines"]
    bought = lines.units > 0
    moved = lines.select(
        C.CUSTOMER_ID,
        DAY,
        KNOWN_FROM,
        revenue=lines.revenue,
        margin=lines.margin,
        discount=lines.discount,
        refunds=ibis.ifelse(bought, 0.0, -lines.revenue),
        cost_to_serve=ibis.literal(0.0),
        return_lines=(~bought).cast("int64"),
        lines=bought.cast("int64"),
        units=ibis.ifelse(bought, lines.units, 0.0),
    )
    if "costs" in tables:
        moved = moved.union(_costs_to_serve(dated(tables["costs"]), moved.columns))
    measures = moved.columns[3:]
    return moved.group_by(C.CUSTOMER_ID, DAY, KNOWN_FROM).aggregate(
        **{name: moved[name].sum() for name in measures}
    )


def _costs_to_serve(costs: ir.Table, columns: Sequence[str]) -> ir.Table:
    """Shape the costs table like the moves of :func:`customer_day`."""
    nothing = dict.fromkeys(("revenue", "discount", "refunds", "units"), 0.0)
    counts = {name: ibis.literal(0, "int64") for name in ("return_lines", "lines")}
    amount = costs[C.AMOUNT]
    return costs.mutate(margin=-amount, cost_to_serve=amount, **nothing, **counts).select(*columns)


ROLLUPS = (
    Rollup(
        "customer_day",
        "goods and money of each customer by day",
        reads=("lines",),
        may_read=("costs",),
        build=customer_day,
    ),
)
