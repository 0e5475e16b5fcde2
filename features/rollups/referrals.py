"""Referrals of customers by customers, seen from both sides."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.rollup import DAY, KNOWN_FROM, Rollup, Tables, dated
from features.settings import ShopSettings
from features.vocabulary import Columns as C


def customer_day_referrals(tables: Tables, shop: ShopSettings) -> ir.Table:
    """One row per customer and day: referrals made and received."""
    referrals = dated(tables["referrals"])
    no, yes = ibis.literal(0, "int64"), ibis.literal(1, "int64")
    made = referrals.select(C.CUSTOMER_ID, DAY, KNOWN_FROM, made=yes, received=no)
    received = referrals.select(
        DAY, KNOWN_FROM, customer_id=referrals[C.REFERRED_CUSTOMER_ID], made=no, received=yes
    )
    sides = made.union(received.select(*made.columns))
    return sides.group_by(C.CUSTOMER_ID, DAY, KNOWN_FROM).aggregate(
        made=sides.made.sum(), received=sides.received.sum()
    )


ROLLUPS = (
    Rollup(
        "customer_day_referrals",
        "referrals that each customer made and received by day",
        reads=("referrals",),
        build=customer_day_referrals,
        # Records lie in the referrer's share; the customer referred may belong to another.
        by_customer=False,
    ),
)
