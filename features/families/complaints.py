"""Complaints, approximated by support tickets: every cost of kind ``support`` is one ticket.

A shop books what a ticket cost and not what it was about, so some are mere questions. Complaints
precede defection (Hirschman 1970; Fornell & Wernerfelt 1987).
"""

from __future__ import annotations

import ibis.expr.types as ir

from features.family import (
    AGE_DAYS,
    KEYS,
    Column,
    Family,
    history,
    left_join,
    net_positive_orders,
    within,
)
from features.rollup import Rollups
from features.vocabulary import Columns as C

WINDOWS_DAYS = (30, 90, 365)
_TICKETS = "support tickets, a proxy for complaints,"
_NEVER = "never needed support"

COLUMNS = (
    *(Column(f"support_tickets_{days}d", f"{_TICKETS} in the last {days} days", "tickets", _NEVER)
      for days in WINDOWS_DAYS),
    Column("support_tickets_lifetime", f"{_TICKETS} so far", "tickets", _NEVER),
    Column("support_tickets_per_order", f"{_TICKETS} so far over net-positive orders",
           "tickets per order", "never needed support, or no net-positive order"),
    Column("last_support_ticket_days", "days since the last support ticket", "days", _NEVER),
    Column("support_cost_365d", "money spent on support in the last 365 days", "money", _NEVER),
    Column("support_cost_lifetime", "money spent on support so far", "money", _NEVER),
)  # fmt: skip


def compute(rollups: Rollups, cutoffs: ir.Table) -> ir.Table:
    """Count tickets by window, and relate them to orders."""
    support = rollups["customer_day_support"]
    seen = history(support, cutoffs)
    facts = seen.group_by(*KEYS).aggregate(
        **{f"support_tickets_{d}d": (seen.tickets * within(seen, d)).sum() for d in WINDOWS_DAYS},
        support_tickets_lifetime=seen.tickets.sum(),
        last_support_ticket_days=seen[AGE_DAYS].min(),
        support_cost_365d=(seen[C.COST] * within(seen, 365)).sum(),
        support_cost_lifetime=seen[C.COST].sum(),
    )
    # Orders of customers who never needed support are most of all orders, and not needed here.
    served = rollups["order_states"].semi_join(support, C.CUSTOMER_ID)
    placed = net_positive_orders(Rollups({"order_states": served}), cutoffs)
    orders = placed.group_by(*KEYS).aggregate(orders=placed.count())
    joined = left_join(facts, orders)
    rated = joined.mutate(support_tickets_per_order=joined.support_tickets_lifetime / joined.orders)
    return rated.select(*KEYS, *(column.name for column in COLUMNS))


FAMILY = Family(
    name="complaints",
    meaning="how often a customer needs support",
    reads=("customer_day_support", "order_states"),
    columns=COLUMNS,
    compute=compute,
)
