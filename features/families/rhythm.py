"""Rhythm: gaps between order days, how overdue the next order is, trend, season, time of ordering.

Sources: the overdue ratio follows Buckinx & Van den Poel 2005 (interpurchase time); regularity,
here ``gap_variation``, Platzer & Reutterer 2016 (Pareto/GGG). Concentration over ``K`` weekdays
or parts of the day is the normalised Herfindahl index ``(sum s^2 - 1/K) / (1 - 1/K)`` of the
orders' shares ``s``; with few orders it is high by chance.
"""

from __future__ import annotations

import functools
import math
import operator

import ibis
import ibis.expr.types as ir

from features.family import AGE_DAYS, AS_OF_DAY, KEYS, Column, Family, net_positive_orders, within
from features.rollup import DAY, Rollups

_ONE_DAY = "fewer than two order days"
_NO_ORDER = "no net-positive order"
_WEEKDAYS = 7
_PARTS_OF_DAY = ("night", "morning", "afternoon", "evening")
_HOURS_OF_PART = 24 // len(_PARTS_OF_DAY)

COLUMNS = (
    Column("order_days", "distinct days with an order", "days", _NO_ORDER),
    Column("order_months_180d", "how many of the last six spans of 30 days had an order",
           "spans", _NO_ORDER),
    Column("order_months_365d", "how many of the last twelve spans of 30 days had an order",
           "spans", _NO_ORDER),
    Column("second_last_order_days", "days since the last order day but one", "days", _ONE_DAY),
    Column("third_last_order_days", "days since the last order day but two", "days",
           "fewer than three order days"),
    Column("fifth_last_order_days", "days since the last order day but four", "days",
           "fewer than five order days"),
    Column("gap_mean_days", "mean gap between order days", "days", _ONE_DAY),
    Column("gap_median_days", "median gap between order days", "days", _ONE_DAY),
    Column("gap_max_days", "longest gap between order days", "days", _ONE_DAY),
    Column("gap_last_days", "latest gap between order days", "days", _ONE_DAY),
    Column("gap_recent_days", "mean of the latest three gaps", "days", _ONE_DAY),
    Column("gap_variation", "standard deviation of the gaps over their mean: 0 is clockwork, "
           "about 1 is random", "ratio", "fewer than three order days"),
    Column("gap_deviation_365d_days", "standard deviation of the gaps that ended in the last "
           "365 days", "days", "fewer than two gaps ended in 365 days"),
    Column("overdue_ratio", "days since the last order over the mean gap", "ratio", _ONE_DAY),
    Column("overdue_days", "days since the last order less the mean gap", "days", _ONE_DAY),
    Column("order_rate_year", "orders a year since the first one", "orders per year", _NO_ORDER),
    Column("orders_trend", "orders of the last 90 days less those of the 90 before", "orders",
           _NO_ORDER),
    Column("order_revenue_trend", "order revenue of the last 90 days less that of the 90 before",
           "money", _NO_ORDER),
    Column("orders_trend_ratio", "orders per day of the last 90 days over those of the last 365, "
           "both counted from the first order where that is later", "ratio",
           "no net-positive order in 365 days"),
    Column("orders_same_season", "orders in the 90 days that followed this date a year ago",
           "orders", _NO_ORDER),
    Column("order_revenue_same_season", "order revenue in the 90 days that followed this date "
           "a year ago", "money", _NO_ORDER),
    Column("weekend_share", "share of orders placed on Saturday or Sunday", "share", _NO_ORDER),
    Column("favourite_weekday_share", "share of orders placed on the customer's most frequent "
           "weekday", "share", _NO_ORDER),
    Column("weekday_concentration", "concentration of the orders over weekdays",
           "0 even to 1 always the same", _NO_ORDER),
    Column("favourite_day_part_share", "share of orders placed in the customer's most frequent "
           "quarter of the day: night from 0 h, morning from 6 h, afternoon from 12 h, evening "
           "from 18 h UTC", "share", _NO_ORDER),
    Column("day_part_concentration", "concentration of the orders over the quarters of the day",
           "0 even to 1 always the same", _NO_ORDER),
    *(Column(f"{part}_share", f"share of orders placed in the {part}", "share", _NO_ORDER)
      for part in _PARTS_OF_DAY),
    Column("order_hour_mean", "mean hour of the day of the orders", "hour UTC", _NO_ORDER),
    Column("season_sine", "sine of the cutoff's place in the year", "-1 to 1", _NO_ORDER),
    Column("season_cosine", "cosine of the cutoff's place in the year", "-1 to 1", _NO_ORDER),
)  # fmt: skip


def compute(rollups: Rollups, cutoffs: ir.Table) -> ir.Table:
    """Measure the gaps between distinct days with a net-positive order, and count orders."""
    facts = _facts(_spaced_orders(rollups, cutoffs))
    gap_mean = facts.gap_mean_days.nullif(0)
    angle = (facts[AS_OF_DAY] % 365.25) * (2 * math.pi / 365.25)
    lately = facts.orders_90d / ibis.least(facts.age, 90)
    usually = facts.orders_365d / ibis.least(facts.age, 365)
    parts = [facts[part] for part in _PARTS_OF_DAY]
    derived = facts.mutate(
        gap_variation=facts.gap_deviation / gap_mean,
        overdue_ratio=facts.recency / gap_mean,
        overdue_days=facts.recency - facts.gap_mean_days,
        order_rate_year=facts.orders * 365.0 / facts.age,
        orders_trend_ratio=lately / usually.nullif(0),
        weekend_share=(facts.weekday_5 + facts.weekday_6) / facts.orders,
        order_hour_mean=facts.hours / facts.orders,
        season_sine=angle.sin(),
        season_cosine=angle.cos(),
        **_habit("weekday", [facts[f"weekday_{n}"] for n in range(_WEEKDAYS)], facts.orders),
        **_habit("day_part", parts, facts.orders),
        **{f"{part}_share": facts[part] / facts.orders for part in _PARTS_OF_DAY},
    )
    return derived.select(*KEYS, *(column.name for column in COLUMNS))


def _habit(
    name: str, counts: list[ir.NumericValue], orders: ir.NumericValue
) -> dict[str, ir.Value]:
    """Return the largest share of the orders' counts by kind, and their concentration."""
    shares = [count / orders for count in counts]
    squares = functools.reduce(operator.add, (share * share for share in shares))
    even = 1.0 / len(counts)
    return {
        f"favourite_{name}_share": ibis.greatest(*shares),
        f"{name}_concentration": (squares - even) / (1.0 - even),
    }


def _spaced_orders(rollups: Rollups, cutoffs: ir.Table) -> ir.Table:
    """Return net-positive orders with the gap to the order day before, newest day first.

    ``rank`` counts order days from 0, the newest, so that orders of one day share it; only one of
    them has the ``gap``, in days. ``new_span`` is 1 for the newest order of each span of 30 days,
    counted back from the cutoff.
    """
    orders = net_positive_orders(rollups, cutoffs)
    newest_first = ibis.window(
        group_by=[orders[key] for key in KEYS],
        order_by=orders[AGE_DAYS],
    )
    span, newer = _span(orders[AGE_DAYS]), _span(orders[AGE_DAYS].lag().over(newest_first))
    gap = orders[DAY] - orders[DAY].lead().over(newest_first)
    return orders.mutate(
        gap=gap.nullif(0).cast("float64"),
        rank=ibis.dense_rank().over(newest_first),
        new_span=(newer.isnull() | (newer != span)).cast("int64"),
    )


def _span(age_days: ir.IntegerValue) -> ir.IntegerValue:
    return (age_days - 1) // 30


def _facts(orders: ir.Table) -> ir.Table:
    """Count orders by window, weekday and part of the day, and describe the gaps."""

    def where(condition: ir.BooleanValue, value: ir.Value) -> ir.Value:
        return ibis.ifelse(condition, value, None)

    def count(condition: ir.BooleanValue) -> ir.Value:
        return condition.cast("int64").sum()

    recent, before = within(orders, 90), within(orders, 180) - within(orders, 90)
    # The 90 days that began a year before the cutoff: ages 276 to 365.
    same_season = within(orders, 365) - within(orders, 275)
    weekday = (orders[DAY] + 3) % _WEEKDAYS  # from Monday
    day_part = orders.hour // _HOURS_OF_PART
    return orders.group_by(*KEYS).aggregate(
        order_days=orders.gap.count() + 1,
        order_months_180d=(orders.new_span * within(orders, 180)).sum(),
        order_months_365d=(orders.new_span * within(orders, 360)).sum(),
        orders=orders.count(),
        recency=orders[AGE_DAYS].min(),
        age=orders[AGE_DAYS].max(),
        orders_90d=recent.sum(),
        orders_365d=within(orders, 365).sum(),
        orders_trend=(recent - before).sum(),
        order_revenue_trend=(orders.revenue * (recent - before)).sum(),
        orders_same_season=same_season.sum(),
        order_revenue_same_season=(orders.revenue * same_season).sum(),
        hours=orders.hour.sum(),
        **{name: count(day_part == number) for number, name in enumerate(_PARTS_OF_DAY)},
        **{f"weekday_{number}": count(weekday == number) for number in range(_WEEKDAYS)},
        second_last_order_days=where(orders.rank == 1, orders[AGE_DAYS]).max(),
        third_last_order_days=where(orders.rank == 2, orders[AGE_DAYS]).max(),
        fifth_last_order_days=where(orders.rank == 4, orders[AGE_DAYS]).max(),
        gap_mean_days=orders.gap.mean(),
        gap_median_days=orders.gap.median(),
        gap_max_days=orders.gap.max(),
        gap_deviation=orders.gap.std(how="sample"),
        gap_last_days=where(orders.rank == 0, orders.gap).max(),
        gap_recent_days=where(orders.rank <= 2, orders.gap).mean(),
        gap_deviation_365d_days=where(orders[AGE_DAYS] <= 365, orders.gap).std(how="sample"),
    )


FAMILY = Family(
    name="rhythm",
    meaning="how regularly a customer orders and how overdue the next order is",
    reads=("order_states",),
    columns=COLUMNS,
    compute=compute,
)
