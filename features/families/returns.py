"""Returns: goods returned, orders cancelled, money refunded."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.family import AGE_DAYS, KEYS, Column, Family, history, known_orders, left_join, within
from features.rollup import HALF_A_CENT, IS_NET_POSITIVE, Rollups

COLUMNS = (
    Column("return_lines", "lines returned or cancelled so far", "lines"),
    Column("return_lines_90d", "lines returned or cancelled in the last 90 days", "lines"),
    Column("return_line_rate", "returned lines over bought lines", "share", "bought nothing"),
    Column("return_line_rate_365d", "returned lines over bought lines of the last 365 days",
           "share", "bought nothing in 365 days"),
    Column("refunds_lifetime", "money refunded so far", "money"),
    Column("refunds_365d", "money refunded in the last 365 days", "money"),
    Column("refund_share", "money refunded over gross revenue", "share", "no money taken"),
    Column("last_return_days", "days since the last return", "days", "never returned anything"),
    Column("void_orders", "orders wholly returned or cancelled", "orders"),
)  # fmt: skip


def compute(rollups: Rollups, cutoffs: ir.Table) -> ir.Table:
    """Sum returns by the day on which they were made."""
    moved = history(rollups["customer_day"], cutoffs)
    returned_age = ibis.ifelse(moved.return_lines > 0, moved[AGE_DAYS], None)
    facts = moved.group_by(*KEYS).aggregate(
        return_lines=moved.return_lines.sum(),
        return_lines_90d=(moved.return_lines * within(moved, 90)).sum(),
        return_lines_365d=(moved.return_lines * within(moved, 365)).sum(),
        lines=moved.lines.sum(),
        lines_365d=(moved.lines * within(moved, 365)).sum(),
        refunds_lifetime=moved.refunds.sum(),
        refunds_365d=(moved.refunds * within(moved, 365)).sum(),
        taken=(moved.revenue + moved.refunds).sum(),
        last_return_days=returned_age.min(),
    )
    placed = known_orders(rollups, cutoffs)
    # An order without revenue on its own day never was a purchase.
    voided = ~placed[IS_NET_POSITIVE] & (placed.revenue >= HALF_A_CENT)
    voids = placed.group_by(*KEYS).aggregate(void_orders=voided.cast("int64").sum())
    joined = left_join(facts, voids)
    rates = joined.mutate(
        return_line_rate=joined.return_lines / joined.lines.nullif(0),
        return_line_rate_365d=joined.return_lines_365d / joined.lines_365d.nullif(0),
        refund_share=joined.refunds_lifetime / joined.taken.nullif(0),
        void_orders=joined.void_orders.fill_null(0),
    )
    return rates.select(*KEYS, *(column.name for column in COLUMNS))


FAMILY = Family(
    name="returns",
    meaning="what a customer sends back",
    reads=("customer_day", "order_states"),
    columns=COLUMNS,
    compute=compute,
)
