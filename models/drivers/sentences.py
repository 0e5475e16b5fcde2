"""Sentences for drivers; some need two figures: 74 days without an order, median gap 21."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from features.family import Column
from models.drivers.wording import counted, described, figure, number

# From a column's name to the customer's value; None if it is missing.
Figures = Callable[[str], float | str | None]
# Gaps are counted between days with an order: two orders on one day have none between them.
_BETWEEN: Final = " between order days"


def sentence(column: Column, figures: Figures, currency: str) -> str:
    """Write what a column says of one customer, beside their mean or median where that helps."""
    value = figures(column.name)
    if isinstance(value, float):
        if column.name in _SENTENCES:
            return _SENTENCES[column.name](value, figures)
        if column.name in _TEMPLATES:
            return _TEMPLATES[column.name].format(figure(value, column.unit, currency))
    return described(column, value, currency)


def _recency(days: float, figures: Figures) -> str:
    usual = _number(figures, "gap_median_days")
    every = "" if usual is None else f", median gap {number(usual)}"
    if usual is not None and days <= usual:
        return f"ordered {counted(days, 'days')} ago{every}"
    return f"has not ordered for {counted(days, 'days')}{every}"


def _overdue_days(days: float, figures: Figures) -> str:
    usual = _number(figures, "gap_mean_days")
    between = "" if usual is None else f" than the mean of {counted(usual, 'days')}{_BETWEEN}"
    if days < 0:
        return f"has waited {counted(-days, 'days')} less{between}"
    return f"has waited {counted(days, 'days')} longer{between}"


def _overdue_ratio(ratio: float, figures: Figures) -> str:
    usual = _number(figures, "gap_mean_days")
    gap = "gap" if usual is None else f"of {counted(usual, 'days')}"
    return f"has waited {number(ratio)} times the mean {gap}{_BETWEEN}"


def _gap_last(days: float, figures: Figures) -> str:
    usual = _number(figures, "gap_mean_days")
    beside = "" if usual is None else f", mean {number(usual)}"
    return f"{counted(days, 'days')} between the last two order days{beside}"


def _gap_variation(ratio: float, figures: Figures) -> str:
    word = "regularly" if ratio < 0.5 else "fairly regularly" if ratio < 0.9 else "irregularly"
    share = number(100 * ratio)
    return f"orders {word} (the gaps between order days vary by {share} % of their mean)"


def _orders_trend(orders: float, figures: Figures) -> str:
    if orders == 0:
        return "as many orders in the last 90 days as in the 90 before"
    more = "more" if orders > 0 else "fewer"
    thing = "order" if abs(orders) == 1 else "orders"
    return f"{number(abs(orders))} {more} {thing} in the last 90 days than in the 90 before"


def _order_months(of: int) -> Callable[[float, Figures], str]:
    def write(spans: float, figures: Figures) -> str:
        return f"ordered in {number(spans)} of the last {of} spans of 30 days"

    return write


def _repeat_days(days: float, figures: Figures) -> str:
    if days == 0:
        return "bought on one day only"
    age, last = _number(figures, "btyd_age_days"), _number(figures, "btyd_recency_days")
    if age is not None and last is not None:
        # Many days raise churn where silence follows, and lower it where none does.
        silence = f"the last {counted(age - last, 'days')} ago"
        return f"bought on {counted(days + 1, 'days')} within {counted(age, 'days')}, {silence}"
    return f"bought on {counted(days, 'more days')} after the first"


def _was_referred(yes: float, figures: Figures) -> str:
    return "was brought by another customer" if yes else "was not brought by another customer"


def _number(figures: Figures, name: str) -> float | None:
    value = figures(name)
    return value if isinstance(value, float) else None


# For columns whose meaning followed by the figure would be hard to understand.
_TEMPLATES: Final[Mapping[str, str]] = {
    "btyd_age_days": "first ordered {} ago",
    "btyd_value_mean": "order days of {} on average, the first left out",
    "btyd_recency_days": "{} from the first order day to the last",
    "cost_of_goods_90d": "bought goods that cost the shop {} in the last 90 days",
    "cost_of_goods_365d": "bought goods that cost the shop {} in the last 365 days",
    "discount_depth_mean_365d": "discounted lines of the last 365 days: {} off on average",
    "first_order_days": "first ordered {} ago",
    "gap_deviation_365d_days": "the gaps between order days of the last 365 days deviate by {}",
    "gap_max_days": "longest time between order days: {}",
    "gap_mean_days": "{} between order days on average",
    "gap_median_days": "median gap between order days: {}",
    "gap_recent_days": "{} on average between the latest order days",
    "new_product_share_90d": "{} of the lines of the last 90 days are of products new to them",
    "new_product_share_365d": "{} of the lines of the last 365 days are of products new to them",
    "order_days": "bought on {}",
    "order_revenue_half_life_60d": "orders of {} when each counts half as much every 60 days",
    "order_revenue_half_life_180d": "orders of {} when each counts half as much every 180 days",
    "order_revenue_same_season": "orders of {} in the 90 days after this date a year ago",
    "orders_half_life_60d": "{} when each counts half as much every 60 days",
    "orders_half_life_180d": "{} when each counts half as much every 180 days",
    "price_level_365d": "price level of the last 365 days: {}",
    "repeat_product_share": "{} of the bought lines are of products bought before",
    "season_cosine": "the time of year",
    "season_sine": "the time of year",
    "second_last_order_days": "the last order day but one was {} ago",
    "third_last_order_days": "the last order day but two was {} ago",
    "fifth_last_order_days": "the last order day but four was {} ago",
}
_SENTENCES: Final[Mapping[str, Callable[[float, Figures], str]]] = {
    "btyd_frequency": _repeat_days,
    "recency_days": _recency,
    "overdue_days": _overdue_days,
    "overdue_ratio": _overdue_ratio,
    "gap_last_days": _gap_last,
    "gap_variation": _gap_variation,
    "orders_trend": _orders_trend,
    "order_months_180d": _order_months(6),
    "order_months_365d": _order_months(12),
    "was_referred": _was_referred,
}
