"""Events: browsing, searching and filling the cart, and what comes of it."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.family import AGE_DAYS, KEYS, Column, Family, history, within
from features.rollup import DAY, Rollups
from features.vocabulary import Columns as C

WINDOWS_DAYS = (7, 30, 90)
_KINDS = {"views": "product views", "searches": "searches", "cart_adds": "cart additions"}
_NEVER = "never seen browsing"

COLUMNS = (
    *(Column(f"{kind}_{days}d", f"{words} in the last {days} days", "events", _NEVER)
      for kind, words in _KINDS.items() for days in WINDOWS_DAYS),
    *(Column(f"sessions_{days}d", f"visits in the last {days} days", "visits", _NEVER)
      for days in WINDOWS_DAYS),
    Column("active_days_365d", "days with any event in the last 365 days", "days", _NEVER),
    Column("last_event_days", "days since the last event", "days", _NEVER),
    Column("last_cart_add_days", "days since something was put in the cart", "days",
           "never put anything in the cart"),
    Column("cart_adds_per_view", "cart additions over views in the last 365 days", "ratio",
           "no view in 365 days"),
)  # fmt: skip


def compute(rollups: Rollups, cutoffs: ir.Table) -> ir.Table:
    """Add up browsing days by window."""
    seen = history(rollups["customer_day_events"], cutoffs)
    cart_age = ibis.ifelse(seen.cart_adds > 0, seen[AGE_DAYS], None)
    counts = {
        f"{kind}_{days}d": (seen[kind] * within(seen, days)).sum()
        for kind in _KINDS
        for days in WINDOWS_DAYS
    }
    facts = seen.group_by(*KEYS).aggregate(
        **counts,
        active_days_365d=ibis.ifelse(within(seen, 365) == 1, seen[DAY], None).nunique(),
        last_event_days=seen[AGE_DAYS].min(),
        last_cart_add_days=cart_age.min(),
        views_year=(seen.views * within(seen, 365)).sum(),
        cart_adds_year=(seen.cart_adds * within(seen, 365)).sum(),
    )
    visits = history(rollups["customer_sessions"], cutoffs)
    sessions = visits.group_by(*KEYS).aggregate(
        **{
            f"sessions_{days}d": ibis.ifelse(
                within(visits, days) == 1, visits[C.SESSION_ID], None
            ).nunique()
            for days in WINDOWS_DAYS
        }
    )
    facts = facts.left_join(sessions, list(KEYS)).drop(*(f"{key}_right" for key in KEYS))
    rated = facts.mutate(cart_adds_per_view=facts.cart_adds_year / facts.views_year.nullif(0))
    return rated.select(*KEYS, *(column.name for column in COLUMNS))


FAMILY = Family(
    name="events",
    meaning="what a customer looks at before, between and instead of buying",
    reads=("customer_day_events", "customer_sessions"),
    columns=COLUMNS,
    compute=compute,
)
