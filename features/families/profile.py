"""Profile: what customers declared, and how they were acquired; nothing is inferred.

The customers table holds today's values, so only attributes that rarely change, or change
independently of churn, are used: a consent withdrawn on leaving would reveal the churn to earlier
cutoffs. Household, income and lifestyle are today's answers, too; a shop that asks for them
repeatedly should keep the first.
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
    Column("gender", "gender, as declared", "name", "not declared", kind="category"),
    Column("country", "country", "name", "unknown", kind="category"),
    Column("region", "region", "name", "unknown", kind="category"),
    Column("acquisition_channel", "how the customer was won", "name", "unknown", kind="category"),
    Column("household_size", "people in the household, as declared", "people", "not declared"),
    Column("income", "yearly income, as declared", "money a year", "not declared"),
    Column("lifestyle", "psychographic group, as declared", "name", "not declared",
           kind="category"),
)  # fmt: skip


def compute(rollups: Rollups, cutoffs: ir.Table) -> ir.Table:
    """Copy what was declared, for customers whose sign-up the cutoff could see."""
    paired = rollups["customer_profiles"].cross_join(cutoffs)
    known = paired.filter(paired[KNOWN_FROM].isnull() | (paired[KNOWN_FROM] < paired[AS_OF_DAY]))
    # Days to calendar years: exact from 1970 to 2099, when every fourth year is a leap year.
    year = 1970 + (4 * known[AS_OF_DAY] + 2) // 1461
    return known.select(
        *KEYS,
        relationship_days=known[AS_OF_DAY] - known[KNOWN_FROM],
        age_years=year - known[C.BIRTH_YEAR],
        acquisition_cost=known[C.ACQUISITION_COST],
        gender=known[C.GENDER],
        country=known[C.COUNTRY],
        region=known[C.REGION],
        acquisition_channel=known[C.ACQUISITION_CHANNEL],
        household_size=known[C.HOUSEHOLD_SIZE],
        income=known[C.INCOME],
        lifestyle=known[C.LIFESTYLE],
    )


FAMILY = Family(
    name="profile",
    meaning="who a customer is, as declared",
    reads=("customer_profiles",),
    columns=COLUMNS,
    compute=compute,
)
