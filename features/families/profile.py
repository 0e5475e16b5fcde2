"""Profile: what a customer declared or brought along; never guessed.

Only what hardly changes: the customers table holds today's values, and consent withdrawn on
the way out would tell an earlier cutoff of the leaving.
"""

from __future__ import annotations

import ibis.expr.types as ir

from features.family import AS_OF_DAY, KEYS, Column, Family
from features.rollup import KNOWN_FROM, Rollups
from features.vocabulary import Columns as C

COLUMNS = (
    Column("relationship_days", "days since signing up", "days", "sign-up day unknown"),
    Column("age_years", "age in the year of the cutoff", "years", "year of birth unknown"),
    Column("acquisition_cost", "money spent to win the customer", "money", "unknown"),
    Column("gender", "as declared", "name", "not declared", kind="category"),
    Column("country", "country", "name", "unknown", kind="category"),
    Column("region", "region", "name", "unknown", kind="category"),
    Column("acquisition_channel", "how the customer was won", "name", "unknown", kind="category"),
)  # fmt: skip


def compute(rollups: Rollups, cutoffs: ir.Table) -> ir.Table:
    """Copy what was declared, for customers whose sign-up the cutoff could see."""
    paired = rollups["customer_profiles"].cross_join(cutoffs)
    known = paired.filter(paired[KNOWN_FROM].isnull() | (paired[KNOWN_FROM] < paired[AS_OF_DAY]))
    year = 1970 + (known[AS_OF_DAY] / 365.2425).floor()
    return known.select(
        *KEYS,
        relationship_days=known[AS_OF_DAY] - known[KNOWN_FROM],
        age_years=year - known[C.BIRTH_YEAR],
        acquisition_cost=known[C.ACQUISITION_COST],
        gender=known[C.GENDER],
        country=known[C.COUNTRY],
        region=known[C.REGION],
        acquisition_channel=known[C.ACQUISITION_CHANNEL],
    )


FAMILY = Family(
    name="profile",
    meaning="who a customer is, as far as they said",
    reads=("customer_profiles",),
    columns=COLUMNS,
    compute=compute,
)
