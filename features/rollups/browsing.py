"""Browsing: views, searches and cart additions, by day."""

from __future__ import annotations

import ibis.expr.types as ir

from features.rollup import DAY, KNOWN_FROM, Rollup, Tables, dated
from features.settings import ShopSettings
from features.vocabulary import Columns as C


def customer_day_events(tables: Tables, shop: ShopSettings) -> ir.Table:  # noqa: ARG001
    """One row per customer and day of browsing."""
    events = dated(tables["events"])
    kind = events[C.EVENT_TYPE]
    return events.group_by(C.CUSTOMER_ID, DAY, KNOWN_FROM).aggregate(
        views=(kind == "view").sum().cast("int64"),
        searches=(kind == "search").sum().cast("int64"),
        cart_adds=(kind == "cart_add").sum().cast("int64"),
    )


def customer_sessions(tables: Tables, shop: ShopSettings) -> ir.Table:  # noqa: ARG001
    """One row per visit and day it was seen on: count distinct sessions, not rows."""
    events = dated(tables["events"])
    visits = events.filter(events[C.SESSION_ID].notnull())
    return visits.select(C.CUSTOMER_ID, C.SESSION_ID, DAY, KNOWN_FROM).distinct()


ROLLUPS = (
    Rollup(
        "customer_day_events",
        "views, searches and cart additions of each customer by day",
        reads=("events",),
        build=customer_day_events,
    ),
    Rollup(
        "customer_sessions",
        "visits of each customer",
        reads=("events",),
        build=customer_sessions,
    ),
)
