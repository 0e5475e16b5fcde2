"""Loyalty points: earned, redeemed, expired, and the level that each booking left."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.rollup import DAY, KNOWN_FROM, Rollup, Tables, dated, epoch_day
from features.settings import ShopSettings
from features.vocabulary import Columns as C

MOVEMENTS = ("earned", "redeemed", "expired")
EXPIRES_ON = "expires_on"


def customer_day_points(tables: Tables, shop: ShopSettings) -> ir.Table:
    """One row per customer and day, and for points earned per day on which they expire."""
    points = dated(tables["points"])
    earned = points[C.MOVEMENT] == "earned"
    moved = points.select(
        C.CUSTOMER_ID,
        DAY,
        KNOWN_FROM,
        expires_on=ibis.ifelse(earned, epoch_day(points[C.EXPIRES_AT]), None),
        **{
            movement: ibis.ifelse(points[C.MOVEMENT] == movement, points[C.POINTS], 0.0)
            for movement in MOVEMENTS
        },
    )
    return moved.group_by(C.CUSTOMER_ID, DAY, KNOWN_FROM, EXPIRES_ON).aggregate(
        **{movement: moved[movement].sum() for movement in MOVEMENTS}
    )


def customer_levels(tables: Tables, shop: ShopSettings) -> ir.Table:
    """One row per booking that names the level which the customer then had.

    ``nth`` orders a customer's bookings by second, and within one second puts points earned last:
    an order is paid with points before it earns some.
    """
    points = dated(tables["points"])
    levelled = points.filter(points[C.LEVEL].notnull())
    earned = (levelled[C.MOVEMENT] == "earned").cast("int64")
    return levelled.select(
        C.CUSTOMER_ID,
        C.LEVEL,
        DAY,
        KNOWN_FROM,
        nth=levelled[C.TS].epoch_seconds().cast("int64") * 2 + earned,
    )


ROLLUPS = (
    Rollup(
        "customer_day_points",
        "loyalty points of each customer by day",
        reads=("points",),
        build=customer_day_points,
    ),
    Rollup(
        "customer_levels",
        "loyalty levels of each customer by booking",
        reads=("points",),
        build=customer_levels,
    ),
)
