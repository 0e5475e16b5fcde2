"""Browsing: views, searches and cart additions, by day, and the purchases that follow."""

from __future__ import annotations

import functools

import ibis
import ibis.expr.types as ir

from features.rollup import DAY, KNOWN_FROM, Rollup, Tables, dated
from features.settings import ShopSettings
from features.vocabulary import Columns as C

CHANNELS = ("web", "app", "store")
# A product seen or put in the cart counts as bought when it is bought by this many days later.
BOUGHT_WITHIN_DAYS = 7
# What happened to a product on a day, and the days on which the facts behind it became known.
STEPS = {
    "viewed": ("view_known",),
    "viewed_bought": ("view_known", "purchase_known"),
    "carted": ("cart_known",),
    "carted_bought": ("cart_known", "purchase_known"),
}


def browsing_events(tables: Tables, shop: ShopSettings) -> ir.Table:
    """Events with their day; of those that share an ``event_id``, the one that was known first.

    Deliveries repeated within one refresh are dropped. Events without an id cannot be told from
    repetitions, and all count.
    """
    events = dated(tables["events"])
    by_arrival = [
        events[name]
        for name in (KNOWN_FROM, C.TS, C.EVENT_TYPE, C.PRODUCT_ID, C.SESSION_ID, C.CHANNEL)
    ]
    same = ibis.window(group_by=[events[C.CUSTOMER_ID], events[C.EVENT_ID]], order_by=by_arrival)
    numbered = events.mutate(nth=ibis.row_number().over(same))
    once = numbered.filter(numbered[C.EVENT_ID].isnull() | (numbered.nth == 0))
    return once.select(
        C.CUSTOMER_ID, C.EVENT_TYPE, C.PRODUCT_ID, C.SESSION_ID, C.CHANNEL, DAY, KNOWN_FROM
    )


def customer_day_events(tables: Tables, shop: ShopSettings) -> ir.Table:
    """One row per customer and day of browsing: the number of events by kind and by channel."""
    events = tables["browsing_events"]
    kind, channel = events[C.EVENT_TYPE], events[C.CHANNEL]
    marks = {
        "views": kind == "view",
        "searches": kind == "search",
        "cart_adds": kind == "cart_add",
        **{f"{name}_events": channel.notnull() & (channel == name) for name in CHANNELS},
        "channel_events": channel.notnull(),
    }
    return events.group_by(C.CUSTOMER_ID, DAY, KNOWN_FROM).aggregate(
        **{name: mark.cast("float64").sum() for name, mark in marks.items()}
    )


def customer_sessions(tables: Tables, shop: ShopSettings) -> ir.Table:
    """One row per visit and day on which it had events: count distinct sessions, not rows."""
    events = tables["browsing_events"]
    visits = events.filter(events[C.SESSION_ID].notnull())
    return visits.select(C.CUSTOMER_ID, C.SESSION_ID, DAY, KNOWN_FROM).distinct()


def customer_day_sessions(tables: Tables, shop: ShopSettings) -> ir.Table:
    """One row per customer and day: the number of visits, each counted on its last known day.

    Once a later day of the same visit becomes known, a row of -1 takes the visit off the earlier
    day, so that sums over days are right at every cutoff.
    """
    sessions = tables["customer_sessions"]
    visit = [sessions[C.CUSTOMER_ID], sessions[C.SESSION_ID]]
    by_day = [sessions[DAY], sessions[KNOWN_FROM]]
    after = ibis.window(group_by=visit, order_by=by_day, rows=(1, None))
    days = sessions.mutate(until=sessions[KNOWN_FROM].min().over(after))
    later = days.filter(days.until.notnull())
    moved_on = ibis.greatest(later.until, later[KNOWN_FROM])
    changes = days.select(C.CUSTOMER_ID, DAY, KNOWN_FROM, sessions=1).union(
        later.select(C.CUSTOMER_ID, DAY, known_from=moved_on, sessions=-1)
    )
    return changes.group_by(C.CUSTOMER_ID, DAY, KNOWN_FROM).aggregate(
        sessions=changes.sessions.cast("float64").sum()
    )


def customer_product_moves(tables: Tables, shop: ShopSettings) -> ir.Table:
    """One row per customer, product and day: its views, cart additions and purchases."""
    events, lines = tables["browsing_events"], tables["lines"]
    zero, one = (ibis.literal(count).cast("float64") for count in (0, 1))
    row = (C.CUSTOMER_ID, C.PRODUCT_ID, DAY, KNOWN_FROM)
    kind = events[C.EVENT_TYPE]
    touched = events.filter(events[C.PRODUCT_ID].notnull() & kind.isin(("view", "cart_add")))
    moves = touched.select(
        *row,
        views=(touched[C.EVENT_TYPE] == "view").cast("float64"),
        cart_adds=(touched[C.EVENT_TYPE] == "cart_add").cast("float64"),
        purchases=zero,
    )
    bought = lines.filter(lines.units > 0)
    moves = moves.union(bought.select(*row, views=zero, cart_adds=zero, purchases=one))
    return moves.group_by(*row).aggregate(
        **{name: moves[name].sum() for name in ("views", "cart_adds", "purchases")}
    )


def customer_day_steps(tables: Tables, shop: ShopSettings) -> ir.Table:
    """One row per customer and day: products viewed, put in the cart, and bought within a week.

    Each product counts once a day, on the day of browsing, and from when all the facts that it
    takes were known.
    """
    paths = _paths(tables["customer_product_moves"])
    steps = [_step(paths, name, known) for name, known in STEPS.items()]
    together = functools.reduce(lambda one, other: one.union(other), steps)
    return together.group_by(C.CUSTOMER_ID, DAY, KNOWN_FROM).aggregate(
        **{name: together[name].sum() for name in STEPS}
    )


def _paths(moves: ir.Table) -> ir.Table:
    """Find, for each product and day of browsing, when its view, cart and purchase became known.

    Returns
    -------
    One row per customer, day and combination of these days, with the number of ``products``.
    """
    touched = moves.filter((moves.views > 0) | (moves.cart_adds > 0))
    bought = moves.filter(moves.purchases > 0).select(
        C.CUSTOMER_ID, C.PRODUCT_ID, bought_on=DAY, purchase_known=KNOWN_FROM
    )
    wait = bought.bought_on - touched[DAY]
    same = [C.CUSTOMER_ID, C.PRODUCT_ID, wait >= 0, wait <= BOUGHT_WITHIN_DAYS]
    joined = touched.left_join(bought, same)
    known = joined[KNOWN_FROM]
    products = joined.group_by(C.CUSTOMER_ID, C.PRODUCT_ID, DAY).aggregate(
        view_known=ibis.ifelse(joined.views > 0, known, None).min(),
        cart_known=ibis.ifelse(joined.cart_adds > 0, known, None).min(),
        purchase_known=joined.purchase_known.min(),
    )
    alike = (C.CUSTOMER_ID, DAY, "view_known", "cart_known", "purchase_known")
    return products.group_by(*alike).aggregate(products=products.count())


def _step(paths: ir.Table, step: str, known: tuple[str, ...]) -> ir.Table:
    """Count the products that took a step, known once all facts behind it were; other steps 0."""
    taken = paths.filter(*(paths[name].notnull() for name in known))
    counts = {
        name: (taken.products if name == step else ibis.literal(0)).cast("float64")
        for name in STEPS
    }
    since = functools.reduce(ibis.greatest, (taken[name] for name in known))
    return taken.select(C.CUSTOMER_ID, DAY, known_from=since, **counts)


ROLLUPS = (
    Rollup(
        "browsing_events",
        "events with their day, repeated deliveries left out",
        reads=("events",),
        build=browsing_events,
        stored=False,
    ),
    Rollup(
        "customer_day_events",
        "views, searches and cart additions of each customer by day",
        reads=("browsing_events",),
        build=customer_day_events,
    ),
    Rollup(
        "customer_sessions",
        "visits of each customer",
        reads=("browsing_events",),
        build=customer_sessions,
    ),
    Rollup(
        "customer_day_sessions",
        "number of visits of each customer by day",
        reads=("customer_sessions",),
        build=customer_day_sessions,
        restates=(C.CUSTOMER_ID,),
    ),
    Rollup(
        "customer_product_moves",
        "products that each customer looked at, put in the cart or bought by day",
        reads=("browsing_events", "lines"),
        build=customer_product_moves,
    ),
    Rollup(
        "customer_day_steps",
        "products looked at or put in the cart by day, and how many were then bought",
        reads=("customer_product_moves",),
        build=customer_day_steps,
        restates=(C.CUSTOMER_ID,),
    ),
)
