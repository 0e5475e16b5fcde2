"""Profiles: what each customer declared, and how they were acquired."""

from __future__ import annotations

import ibis.expr.types as ir

from features.rollup import Rollup, Tables, epoch_day
from features.settings import ShopSettings
from features.vocabulary import Columns as C


def customer_profiles(tables: Tables, shop: ShopSettings) -> ir.Table:
    """One row per customer, known from the day of signing up."""
    customers = tables["customers"]
    day = epoch_day(customers[C.SIGNED_UP_AT])
    return customers.mutate(day=day, known_from=day).drop(C.SIGNED_UP_AT)


ROLLUPS = (
    Rollup(
        "customer_profiles",
        "what each customer declared",
        reads=("customers",),
        build=customer_profiles,
    ),
)
