"""Referrals: whether a customer refers others, and was referred by another customer.

Referred customers stay longer and bring more (Schmitt, Skiera & Van den Bulte 2011).
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.family import AGE_DAYS, KEYS, Column, Family, history, within
from features.rollup import Rollups

_NONE = "neither referred anyone nor was referred"

COLUMNS = (
    Column("referrals_made", "customers referred so far", "customers", _NONE),
    Column("referrals_made_365d", "customers referred in the last 365 days", "customers", _NONE),
    Column("last_referral_made_days", "days since a customer was last referred", "days",
           "never referred anyone"),
    Column("was_referred", "1 when referred by another customer, else 0", "yes or no", _NONE),
    Column("referred_days", "days since the customer was referred", "days", "was not referred"),
)  # fmt: skip


def compute(rollups: Rollups, cutoffs: ir.Table) -> ir.Table:
    """Sum the referrals made, and those received."""
    seen = history(rollups["customer_day_referrals"], cutoffs)
    facts = seen.group_by(*KEYS).aggregate(
        referrals_made=seen.made.sum(),
        referrals_made_365d=(seen.made * within(seen, 365)).sum(),
        last_referral_made_days=ibis.ifelse(seen.made > 0, seen[AGE_DAYS], None).min(),
        was_referred=(seen.received > 0).cast("int64").max(),
        referred_days=ibis.ifelse(seen.received > 0, seen[AGE_DAYS], None).max(),
    )
    return facts.select(*KEYS, *(column.name for column in COLUMNS))


FAMILY = Family(
    name="referrals",
    meaning="referrals that a customer made and received",
    reads=("customer_day_referrals",),
    columns=COLUMNS,
    compute=compute,
)
