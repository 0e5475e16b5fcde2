"""The summary of purchases that buy-till-you-die models are fitted to.

The convention of Fader, Hardie & Lee 2005 (BG/NBD) and of their note on the Gamma-Gamma model,
2013, in days: a *transaction* is a day with at least one net-positive order, and the first one
only starts the clock. So frequency ``x`` is the number of repeat days, recency ``t_x`` the time
from the first to the last transaction (not until today), and age ``T`` the time from the first to
the cutoff; ``x = 0`` goes with ``t_x = 0``. The value of a transaction is the day's revenue.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.family import AGE_DAYS, KEYS, Column, Family, net_positive_orders
from features.rollup import Rollups

_NO_ORDER = "no net-positive order"

COLUMNS = (
    Column("btyd_frequency", "days with a net-positive order after the first such day", "days",
           _NO_ORDER),
    Column("btyd_recency_days", "days from the first to the last order day", "days", _NO_ORDER),
    Column("btyd_age_days", "days from the first order day to the cutoff", "days", _NO_ORDER),
    Column("btyd_value_mean", "mean revenue of an order day, the first left out", "money",
           "fewer than two order days"),
)  # fmt: skip


def compute(rollups: Rollups, cutoffs: ir.Table) -> ir.Table:
    """Summarise the days with a net-positive order."""
    orders = net_positive_orders(rollups, cutoffs)
    days = orders.group_by(*KEYS, AGE_DAYS).aggregate(revenue=orders.revenue.sum())
    # Structs compare field by field: the largest is the first day, with its revenue.
    first_day = ibis.struct({"age": days[AGE_DAYS], "revenue": days.revenue})
    facts = days.group_by(*KEYS).aggregate(
        order_days=days.count(),
        revenue=days.revenue.sum(),
        first=first_day.max(),
        last_age=days[AGE_DAYS].min(),
    )
    frequency, first = facts.order_days - 1, facts["first"]
    return facts.select(
        *KEYS,
        btyd_frequency=frequency,
        btyd_recency_days=first["age"] - facts.last_age,
        btyd_age_days=first["age"],
        btyd_value_mean=(facts.revenue - first["revenue"]) / frequency.nullif(0),
    )


FAMILY = Family(
    name="btyd",
    meaning="frequency, recency, age and value as buy-till-you-die models count them",
    reads=("order_states",),
    columns=COLUMNS,
    compute=compute,
)
