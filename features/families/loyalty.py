"""Loyalty: points earned, redeemed and about to expire, and the level in the programme.

The day on which points expire is agreed when they are earned, so it counts as known from then. A
shop that extends it must book new points: rewriting old bookings would leak the future.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.family import AGE_DAYS, AS_OF_DAY, KEYS, Column, Family, history, left_join, within
from features.rollup import KNOWN_FROM, Rollups
from features.vocabulary import Columns as C

_NEVER = "no points ever moved"
_NO_LEVEL = "no level known"

COLUMNS = (
    Column("points_earned", "points earned so far", "points", _NEVER),
    Column("points_redeemed", "points redeemed so far", "points", _NEVER),
    Column("points_expired", "points booked as expired so far", "points", _NEVER),
    Column("points_balance", "points earned less redeemed less expired", "points", _NEVER),
    Column("points_redemption_rate", "points redeemed over points earned", "share",
           "never earned points"),
    Column("points_earned_90d", "points earned in the last 90 days", "points", _NEVER),
    Column("points_earned_365d", "points earned in the last 365 days", "points", _NEVER),
    Column("points_redeemed_365d", "points redeemed in the last 365 days", "points", _NEVER),
    Column("last_points_earned_days", "days since points were last earned", "days",
           "never earned points"),
    Column("last_points_redeemed_days", "days since points were last redeemed", "days",
           "never redeemed points"),
    Column("points_expiring_90d", "points earned that expire in the next 90 days, at most the "
           "balance: an upper bound, since some of them may have been redeemed", "points",
           "no earned points are known to expire"),
    Column("loyalty_level", "level after the latest booking that names one", "name", _NO_LEVEL,
           kind="category"),
    Column("loyalty_level_changes", "times that the level has changed so far", "changes",
           _NO_LEVEL),
    Column("loyalty_level_days", "days since the level last changed, or was first known", "days",
           _NO_LEVEL),
)  # fmt: skip


def compute(rollups: Rollups, cutoffs: ir.Table) -> ir.Table:
    """Sum points by window; follow levels from booking to booking."""
    points = _points(history(rollups["customer_day_points"], cutoffs))
    levels = _levels(history(_level_changes(rollups["customer_levels"]), cutoffs))
    joined = left_join(points, levels)
    return joined.select(*KEYS, *(column.name for column in COLUMNS))


def _points(moved: ir.Table) -> ir.Table:
    """Sum movements, and the earned points that expire soon."""
    days_left = moved.expires_on - moved[AS_OF_DAY]
    # Missing where points do not expire, so that the sum is missing where none do.
    expires_soon = ((days_left >= 0) & (days_left < 90)).cast("int64")
    facts = moved.group_by(*KEYS).aggregate(
        points_earned=moved.earned.sum(),
        points_redeemed=moved.redeemed.sum(),
        points_expired=moved.expired.sum(),
        points_earned_90d=(moved.earned * within(moved, 90)).sum(),
        points_earned_365d=(moved.earned * within(moved, 365)).sum(),
        points_redeemed_365d=(moved.redeemed * within(moved, 365)).sum(),
        last_points_earned_days=ibis.ifelse(moved.earned > 0, moved[AGE_DAYS], None).min(),
        last_points_redeemed_days=ibis.ifelse(moved.redeemed > 0, moved[AGE_DAYS], None).min(),
        expiring=(moved.earned * expires_soon).sum(),
    )
    balance = facts.points_earned - facts.points_redeemed - facts.points_expired
    spendable = ibis.greatest(balance, 0.0)
    return facts.mutate(
        points_balance=balance,
        points_redemption_rate=facts.points_redeemed / facts.points_earned.nullif(0),
        points_expiring_90d=ibis.ifelse(facts.expiring > spendable, spendable, facts.expiring),
    )


def _level_changes(bookings: ir.Table) -> ir.Table:
    """Drop bookings that repeat the level of the one before, if that was known no later.

    They change nothing at any cutoff, and without them few rows are left to pair with cutoffs.
    """
    in_order = ibis.window(
        group_by=bookings[C.CUSTOMER_ID],
        order_by=[bookings.nth, bookings[C.LEVEL], bookings[KNOWN_FROM]],
    )
    followed = bookings.mutate(
        before=bookings[C.LEVEL].lag().over(in_order),
        before_known_from=bookings[KNOWN_FROM].lag().over(in_order),
    )
    repeats = (followed.before == followed[C.LEVEL]) & (
        followed.before_known_from <= followed[KNOWN_FROM]
    )
    told = followed.filter(ibis.ifelse(repeats, 1, 0) == 0)
    return told.drop("before", "before_known_from")


def _levels(bookings: ir.Table) -> ir.Table:
    """Follow the levels known at each cutoff, in the order of the bookings."""
    key = [bookings[name] for name in KEYS]
    # Ties of one moment are broken by the level's name, to be reproducible.
    in_order = [bookings.nth, bookings[C.LEVEL]]
    latest_first = [ibis.desc(bookings.nth), ibis.desc(bookings[C.LEVEL])]
    before = bookings[C.LEVEL].lag().over(ibis.window(group_by=key, order_by=in_order))
    followed = bookings.mutate(
        before=before,
        rank=ibis.row_number().over(ibis.window(group_by=key, order_by=latest_first)),
    )
    is_new = followed.before.isnull() | (followed.before != followed[C.LEVEL])
    is_change = followed.before.notnull() & is_new
    return followed.group_by(*KEYS).aggregate(
        loyalty_level=ibis.ifelse(followed.rank == 0, followed[C.LEVEL], None).max(),
        loyalty_level_changes=is_change.cast("int64").sum(),
        loyalty_level_days=ibis.ifelse(is_new, followed[AGE_DAYS], None).min(),
    )


FAMILY = Family(
    name="loyalty",
    meaning="a customer's points and level in the loyalty programme",
    reads=("customer_day_points", "customer_levels"),
    columns=COLUMNS,
    compute=compute,
)
