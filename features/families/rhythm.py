"""Rhythm: the gaps between order days, how overdue the next one is, trend and season.

Source: the overdue ratio follows Buckinx & Van den Poel 2005 (interpurchase time);
regularity is the concern of Platzer & Reutterer 2016 (Pareto/GGG).
"""

from __future__ import annotations

import math

import ibis
import ibis.expr.types as ir

from features.family import AGE_DAYS, AS_OF_DAY, KEYS, Column, Family, standing_orders, within
from features.rollup import DAY, Rollups
from features.vocabulary import Columns as C

_ONE_DAY = "fewer than two order days"
_NO_ORDER = "no net-positive order"

COLUMNS = (
    Column("order_days", "distinct days with an order", "days", _NO_ORDER),
    Column("order_months_180d", "of the last six spans of 30 days, those with an order",
           "spans", _NO_ORDER),
    Column("order_months_365d", "of the last twelve spans of 30 days, those with an order",
           "spans", _NO_ORDER),
    Column("second_last_order_days", "days since the last order day but one", "days", _ONE_DAY),
    Column("third_last_order_days", "days since the last order day but two", "days",
           "fewer than three order days"),
    Column("fifth_last_order_days", "days since the last order day but four", "days",
           "fewer than five order days"),
    Column("gap_mean_days", "mean gap between order days", "days", _ONE_DAY),
    Column("gap_median_days", "median gap between order days", "days", _ONE_DAY),
    Column("gap_max_days", "longest gap between order days", "days", _ONE_DAY),
    Column("gap_last_days", "the latest gap", "days", _ONE_DAY),
    Column("gap_recent_days", "mean of the latest three gaps", "days", _ONE_DAY),
    Column("gap_variation", "standard deviation of the gaps over their mean: 0 is clockwork, "
           "about 1 is random", "ratio", "fewer than three order days"),
    Column("gap_deviation_365d_days", "standard deviation of the gaps that ended in the last "
           "365 days", "days", "fewer than two such gaps"),
    Column("overdue_ratio", "days since the last order over the mean gap", "ratio", _ONE_DAY),
    Column("overdue_days", "days since the last order less the mean gap", "days", _ONE_DAY),
    Column("order_rate_year", "orders a year since the first one", "orders per year", _NO_ORDER),
    Column("orders_trend", "orders of the last 90 days less those of the 90 before", "orders",
           _NO_ORDER),
    Column("order_revenue_trend", "order revenue of the last 90 days less that of the 90 before",
           "money", _NO_ORDER),
    Column("orders_same_season", "orders in the 90 days that followed this date a year ago",
           "orders", _NO_ORDER),
    Column("order_revenue_same_season", "order revenue in the 90 days that followed this date "
           "a year ago", "money", _NO_ORDER),
    Column("weekend_share", "share of orders placed on Saturday or Sunday", "share", _NO_ORDER),
    Column("order_hour_mean", "mean hour of the day of the orders", "hour UTC", _NO_ORDER),
    Column("season_sine", "where the cutoff stands in the year: sine", "-1 to 1", _NO_ORDER),
    Column("season_cosine", "where the cutoff stands in the year: cosine", "-1 to 1", _NO_ORDER),
)  # fmt: skip


def compute(rollups: Rollups, cutoffs: ir.Table) -> ir.Table:
    """Measure gaps between the distinct order days that stand at each cutoff."""
    days = _order_days(rollups, cutoffs)
    facts = _counts(days).join(_gaps(days), list(KEYS))
    gap_mean = facts.gap_mean_days.nullif(0)
    angle = (facts[AS_OF_DAY] % 365.25) * (2 * math.pi / 365.25)
    derived = facts.mutate(
        gap_variation=facts.gap_deviation / gap_mean,
        overdue_ratio=facts.recency / gap_mean,
        overdue_days=facts.recency - facts.gap_mean_days,
        order_rate_year=facts.orders * 365.0 / facts.age,
        weekend_share=facts.weekend_orders / facts.orders,
        order_hour_mean=facts.hours / facts.orders,
        season_sine=angle.sin(),
        season_cosine=angle.cos(),
    )
    return derived.select(*KEYS, *(column.name for column in COLUMNS))


def _order_days(rollups: Rollups, cutoffs: ir.Table) -> ir.Table:
    """One row per key and day with orders, its gap to the day before and its rank from today."""
    orders = standing_orders(rollups, cutoffs)
    days = orders.group_by(*KEYS, DAY, AGE_DAYS).aggregate(
        orders=orders.count(), revenue=orders.revenue.sum(), hours=orders.hour.sum()
    )
    key = [days[C.CUSTOMER_ID], days[AS_OF_DAY]]
    oldest_first = ibis.window(group_by=key, order_by=ibis.asc(days[DAY]))
    newest_first = ibis.window(group_by=key, order_by=ibis.desc(days[DAY]))
    return days.mutate(
        gap=(days[DAY] - days[DAY].lag().over(oldest_first)).cast("float64"),
        rank=ibis.row_number().over(newest_first),
    )


def _counts(days: ir.Table) -> ir.Table:
    """Count orders by when they were."""
    recent, before = within(days, 90), within(days, 180) - within(days, 90)
    # The 90 days that began a year before the cutoff: ages 276 to 365.
    same_season = within(days, 365) - within(days, 275)
    span = (days[AGE_DAYS] - 1) // 30
    is_weekend = ((days[DAY] + 3) % 7 >= 5).cast("int64")
    return days.group_by(*KEYS).aggregate(
        order_days=days.count(),
        order_months_180d=ibis.ifelse(days[AGE_DAYS] <= 180, span, None).nunique(),
        order_months_365d=ibis.ifelse(days[AGE_DAYS] <= 360, span, None).nunique(),
        orders=days.orders.sum(),
        recency=days[AGE_DAYS].min(),
        age=days[AGE_DAYS].max(),
        orders_trend=(days.orders * (recent - before)).sum(),
        order_revenue_trend=(days.revenue * (recent - before)).sum(),
        orders_same_season=(days.orders * same_season).sum(),
        order_revenue_same_season=(days.revenue * same_season).sum(),
        weekend_orders=(days.orders * is_weekend).sum(),
        hours=days.hours.sum(),
    )


def _gaps(days: ir.Table) -> ir.Table:
    """Describe the gaps, and how long ago the last few order days were."""

    def where(condition: ir.BooleanValue, value: ir.Value) -> ir.Value:
        return ibis.ifelse(condition, value, None)

    return days.group_by(*KEYS).aggregate(
        second_last_order_days=where(days.rank == 1, days[AGE_DAYS]).max(),
        third_last_order_days=where(days.rank == 2, days[AGE_DAYS]).max(),
        fifth_last_order_days=where(days.rank == 4, days[AGE_DAYS]).max(),
        gap_mean_days=days.gap.mean(),
        gap_median_days=days.gap.median(),
        gap_max_days=days.gap.max(),
        gap_deviation=days.gap.std(how="sample"),
        gap_last_days=where(days.rank == 0, days.gap).max(),
        gap_recent_days=where(days.rank <= 2, days.gap).mean(),
        gap_deviation_365d_days=where(days[AGE_DAYS] <= 365, days.gap).std(how="sample"),
    )


FAMILY = Family(
    name="rhythm",
    meaning="the beat of a customer's orders and how far behind it they are",
    reads=("order_states",),
    columns=COLUMNS,
    compute=compute,
)
