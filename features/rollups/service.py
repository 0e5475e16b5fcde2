"""Service: the support that customers needed, read from its costs."""

from __future__ import annotations

import ibis.expr.types as ir

from features.rollup import DAY, KNOWN_FROM, Rollup, Tables, dated
from features.settings import ShopSettings
from features.vocabulary import Columns as C


def customer_day_support(tables: Tables, shop: ShopSettings) -> ir.Table:
    """One row per customer and day with a cost of support: number of tickets, and their cost."""
    costs = tables["costs"]
    support = dated(costs.filter(costs[C.COST_KIND] == "support"))
    return support.group_by(C.CUSTOMER_ID, DAY, KNOWN_FROM).aggregate(
        tickets=support.count(), cost=support[C.AMOUNT].sum()
    )


ROLLUPS = (
    Rollup(
        "customer_day_support",
        "support tickets of each customer by day",
        reads=("costs",),
        build=customer_day_support,
    ),
)
