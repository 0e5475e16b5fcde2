"""Profit: what a customer yields after the cost of goods, of service and of acquisition.

Margin is revenue minus cost of goods and cost to serve, all net of returns, with discounts
already off the revenue: the customer profitability of Mulhern 1999 and Gupta & Lehmann 2003.
Where the cost of goods is unknown the shop's stated margin rate is assumed;
``margin_assumed_share`` says for how much of the revenue.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.family import KEYS, Column, Family, history, left_join, net_positive_orders, within
from features.rollup import DAY, HALF_A_CENT, KNOWN_FROM, Rollups
from features.vocabulary import Columns as C

WINDOWS_DAYS = (90, 365)
_NO_REVENUE = "no net revenue"
_MONEY = {
    "cost_of_goods": "cost of the goods bought less those returned, assumed where unknown",
    "discounts": "discounts granted, less those on returned goods",
    "cost_to_serve": "money spent on serving the customer",
    "shipping_cost": "money spent on shipping",
    "payment_cost": "money spent on payments",
}

COLUMNS = (
    *(Column(f"{name}_lifetime", f"{words}, so far", "money") for name, words in _MONEY.items()),
    *(Column(f"{name}_{days}d", f"{words}, in the last {days} days", "money")
      for name, words in _MONEY.items() for days in WINDOWS_DAYS),
    Column("margin_rate", "margin over net revenue so far", "share", _NO_REVENUE),
    *(Column(f"margin_rate_{days}d", f"margin over net revenue in the last {days} days", "share",
             f"{_NO_REVENUE} in {days} days") for days in WINDOWS_DAYS),
    Column("cost_to_serve_share_365d", "cost to serve over net revenue in the last 365 days",
           "share", f"{_NO_REVENUE} in 365 days"),
    Column("margin_per_order", "margin so far over net-positive orders", "money per order",
           "no net-positive order"),
    Column("margin_per_order_365d", "margin over net-positive orders of the last 365 days",
           "money per order", "no net-positive order in 365 days"),
    Column("margin_assumed_share", "share of the revenue taken whose cost of goods is unknown, so "
           "that its margin is assumed", "share", "no money taken"),
    Column("margin_after_acquisition", "margin so far less the money spent to win the customer",
           "money", "acquisition cost unknown"),
)  # fmt: skip


def compute(rollups: Rollups, cutoffs: ir.Table) -> ir.Table:
    """Sum money and orders by window, and subtract the cost of acquisition."""
    facts = _money_sums(history(rollups["customer_day"], cutoffs))
    placed = net_positive_orders(rollups, cutoffs)
    orders = placed.group_by(*KEYS).aggregate(
        orders_lifetime=placed.count(), orders_365d=within(placed, 365).sum()
    )
    for part in (orders, _acquisition_costs(rollups["customer_profiles"], cutoffs)):
        facts = left_join(facts, part)
    return _rates(facts).select(*KEYS, *(column.name for column in COLUMNS))


def _money_sums(seen: ir.Table) -> ir.Table:
    money = {
        "revenue": seen.revenue,
        "margin": seen.margin,
        "cost_of_goods": seen.revenue - seen.margin - seen.cost_to_serve,
        "discounts": seen.discount,
        "cost_to_serve": seen.cost_to_serve,
        "shipping_cost": seen.shipping_cost,
        "payment_cost": seen.payment_cost,
    }
    return seen.group_by(*KEYS).aggregate(
        **{f"{name}_lifetime": value.sum() for name, value in money.items()},
        **{
            f"{name}_{days}d": (value * within(seen, days)).sum()
            for name, value in money.items()
            for days in WINDOWS_DAYS
        },
        # Gross revenue, before refunds.
        taken=(seen.revenue + seen.refunds).sum(),
        assumed=seen.assumed_revenue.sum(),
    )


def _acquisition_costs(profiles: ir.Table, cutoffs: ir.Table) -> ir.Table:
    """Return acquisition costs, known from the sign-up day; from the start, if that is missing."""
    known = profiles.filter(profiles[C.ACQUISITION_COST].notnull())
    dated = known.select(
        C.CUSTOMER_ID,
        C.ACQUISITION_COST,
        day=known[DAY].fill_null(0),
        known_from=known[KNOWN_FROM].fill_null(0),
    )
    seen = history(dated, cutoffs)
    return seen.group_by(*KEYS).aggregate(acquisition=seen[C.ACQUISITION_COST].max())


def _rates(facts: ir.Table) -> ir.Table:
    def of_revenue(measure: str, window: str) -> ir.Value:
        revenue = facts[f"revenue_{window}"]
        return ibis.ifelse(revenue >= HALF_A_CENT, facts[f"{measure}_{window}"] / revenue, None)

    return facts.mutate(
        margin_rate=of_revenue("margin", "lifetime"),
        **{f"margin_rate_{days}d": of_revenue("margin", f"{days}d") for days in WINDOWS_DAYS},
        cost_to_serve_share_365d=of_revenue("cost_to_serve", "365d"),
        margin_per_order=facts.margin_lifetime / facts.orders_lifetime.nullif(0),
        margin_per_order_365d=facts.margin_365d / facts.orders_365d.nullif(0),
        margin_assumed_share=ibis.ifelse(
            facts.taken >= HALF_A_CENT, facts.assumed / facts.taken, None
        ),
        margin_after_acquisition=facts.margin_lifetime - facts.acquisition,
    )


FAMILY = Family(
    name="profit",
    meaning="what a customer yields after all costs",
    reads=("customer_day", "order_states", "customer_profiles"),
    columns=COLUMNS,
    compute=compute,
)
