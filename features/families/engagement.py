"""Engagement: browsing, searching and filling the cart, where it happens, and what comes of it.

A product counts as *bought* when the same customer buys it on the day on which it was viewed or
put in the cart, or within a week after. Until then it counts as left behind, even where the week
is not over. Each product counts once a day.

Sources: Moe & Fader 2004 (visits that lead to purchases); Kukar-Kinney & Close 2010 (carts left
behind); Neslin et al. 2006 (customers of several channels).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import ibis
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
from features.rollup import DAY, KNOWN_FROM, Rollups
from features.rollups.browsing import BOUGHT_WITHIN_DAYS, CHANNELS
from features.vocabulary import Columns as C

WINDOWS_DAYS = (7, 30, 90)
_KINDS = {"views": "product views", "searches": "searches", "cart_adds": "cart additions"}
_NEVER = "never seen browsing"
_NO_VISIT = "no visit known"
_YEAR = 365

COLUMNS = (
    *(Column(f"{kind}_{days}d", f"{words} in the last {days} days", "events", _NEVER)
      for kind, words in _KINDS.items() for days in WINDOWS_DAYS),
    *(Column(f"sessions_{days}d", f"visits in the last {days} days", "visits", _NO_VISIT)
      for days in WINDOWS_DAYS),
    Column("active_days_365d", "days with any event in the last 365 days", "days", _NEVER),
    Column("last_event_days", "days since the last event", "days", _NEVER),
    Column("last_view_days", "days since a product was looked at", "days",
           "never looked at a product"),
    Column("last_search_days", "days since the last search", "days", "never searched"),
    Column("last_cart_add_days", "days since something was put in the cart", "days",
           "never put anything in the cart"),
    Column("cart_adds_per_view", "cart additions over views in the last 365 days", "ratio",
           "no view in 365 days"),
    *(Column(f"cart_abandonment_{days}d", "share of the products put in the cart in the last "
             f"{days} days, by product and day, and not bought that day or within a week", "share",
             f"put no known product in the cart in {days} days") for days in (90, _YEAR)),
    Column("cart_open_products_7d", "products put in the cart in the last 7 days and not bought "
           "yet, by product and day", "products", _NEVER),
    Column("view_to_buy_365d", "share of the products looked at in the last 365 days, by product "
           "and day, and bought that day or within a week", "share",
           "looked at no product in 365 days"),
    Column("sessions_per_order_365d", "visits over net-positive orders of the last 365 days",
           "visits per order", f"{_NO_VISIT}, or no net-positive order in 365 days"),
    Column("views_trend", "views of the last 30 days over what 30 days usually bring, by the last "
           "365 days or those since the first event", "ratio", "no view in 365 days"),
    *(Column(f"{channel}_event_share_365d", f"share of the last 365 days' events that came by "
             f"{channel}", "share", "no event in 365 days whose channel is known")
      for channel in CHANNELS),
)  # fmt: skip


def compute(rollups: Rollups, cutoffs: ir.Table) -> ir.Table:
    """Sum events, visits, products viewed or carted, and orders, by window."""
    events = rollups["customer_day_events"]
    facts = _event_sums(history(_by_day(events), cutoffs))
    buyers = rollups["order_states"].semi_join(events, C.CUSTOMER_ID)
    parts = (
        _visit_sums(history(rollups["customer_day_sessions"], cutoffs)),
        _step_sums(history(rollups["customer_day_steps"], cutoffs)),
        _orders(net_positive_orders(Rollups({"order_states": buyers}), cutoffs)),
    )
    for part in parts:
        facts = left_join(facts, part)
    return _rates(facts).select(*KEYS, *(column.name for column in COLUMNS))


def _by_day(events: ir.Table) -> ir.Table:
    """Mark one row of each day of browsing: the one that was known first."""
    same_day = ibis.window(
        group_by=[events[C.CUSTOMER_ID], events[DAY]], order_by=events[KNOWN_FROM]
    )
    return events.mutate(is_new_day=(ibis.row_number().over(same_day) == 0).cast("int64"))


def _windows(seen: ir.Table, windows: Mapping[str, Sequence[int]]) -> dict[str, ir.Value]:
    """Sum each measure over each of its windows, in days."""
    return {
        f"{name}_{days}d": (seen[name] * within(seen, days)).sum()
        for name, all_days in windows.items()
        for days in all_days
    }


def _event_sums(seen: ir.Table) -> ir.Table:
    def last(kind: str) -> ir.Value:
        return ibis.ifelse(seen[kind] > 0, seen[AGE_DAYS], None).min()

    year = ("views", "cart_adds", "channel_events", *(f"{name}_events" for name in CHANNELS))
    return seen.group_by(*KEYS).aggregate(
        **_windows(seen, dict.fromkeys(_KINDS, WINDOWS_DAYS)),
        **_windows(seen, dict.fromkeys(year, (_YEAR,))),
        active_days_365d=(seen.is_new_day * within(seen, _YEAR)).sum(),
        last_event_days=seen[AGE_DAYS].min(),
        first_event_days=seen[AGE_DAYS].max(),
        last_view_days=last("views"),
        last_search_days=last("searches"),
        last_cart_add_days=last("cart_adds"),
    )


def _visit_sums(seen: ir.Table) -> ir.Table:
    return seen.group_by(*KEYS).aggregate(**_windows(seen, {"sessions": (*WINDOWS_DAYS, _YEAR)}))


def _step_sums(seen: ir.Table) -> ir.Table:
    carts, views = (BOUGHT_WITHIN_DAYS, 90, _YEAR), (_YEAR,)
    windows = {"carted": carts, "carted_bought": carts, "viewed": views, "viewed_bought": views}
    return seen.group_by(*KEYS).aggregate(**_windows(seen, windows))


def _orders(placed: ir.Table) -> ir.Table:
    return placed.group_by(*KEYS).aggregate(orders_365d=within(placed, _YEAR).sum())


def _rates(facts: ir.Table) -> ir.Table:
    lately = facts.views_30d / ibis.least(facts.first_event_days, 30)
    usually = facts.views_365d / ibis.least(facts.first_event_days, _YEAR)
    open_products = facts.carted_7d - facts.carted_bought_7d
    return facts.mutate(
        cart_adds_per_view=facts.cart_adds_365d / facts.views_365d.nullif(0),
        **{
            f"cart_abandonment_{days}d": 1.0
            - facts[f"carted_bought_{days}d"] / facts[f"carted_{days}d"].nullif(0)
            for days in (90, _YEAR)
        },
        # No known product means none in the cart.
        cart_open_products_7d=open_products.fill_null(0.0),
        view_to_buy_365d=facts.viewed_bought_365d / facts.viewed_365d.nullif(0),
        sessions_per_order_365d=facts.sessions_365d / facts.orders_365d.nullif(0),
        views_trend=lately / usually.nullif(0),
        **{
            f"{name}_event_share_365d": facts[f"{name}_events_365d"]
            / facts.channel_events_365d.nullif(0)
            for name in CHANNELS
        },
    )


FAMILY = Family(
    name="engagement",
    meaning="what a customer views, searches for and puts in the cart",
    reads=(
        "customer_day_events",
        "customer_day_sessions",
        "customer_day_steps",
        "order_states",
    ),
    columns=COLUMNS,
    compute=compute,
)
