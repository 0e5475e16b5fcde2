"""What a feature family is, and how it looks at the past without seeing the future.

A family is a function from roll-ups and a table of cutoffs to columns keyed by
``(customer_id, as_of_day)``: many cutoffs in one pass. Add one by adding a file to
:mod:`features.families` that defines ``FAMILY``; vectors, tests and reports find it.
"""

from __future__ import annotations

import importlib
import math
import pkgutil
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import ibis.expr.types as ir

import features.families
from features.rollup import DAY, IS_NET_POSITIVE, KNOWN_FROM, KNOWN_UNTIL, Rollups
from features.vocabulary import Columns as C

AS_OF_DAY = "as_of_day"
KEYS = (C.CUSTOMER_ID, AS_OF_DAY)
AGE_DAYS = "age_days"
FIRST_SEEN = "first_seen"
# In place of a missing first or last day: one comparison is much faster than a test for missing,
# which would be made again for every pair of a fact and a cutoff.
_BEFORE_ALL_DAYS, _AFTER_ALL_DAYS = -(10**9), 10**9


@dataclass(frozen=True)
class Column:
    """One feature: its name, meaning and unit, and what a missing value means."""

    name: str
    meaning: str
    unit: str
    missing: str = "never missing for a customer with history"
    kind: Literal["number", "category"] = "number"


@dataclass(frozen=True)
class Family:
    """A set of columns computed together.

    Attributes
    ----------
    reads
        The roll-ups it needs; a shop that lacks one does without the family.
    compute
        ``(rollups, cutoffs) -> table`` with the two keys and exactly ``columns``, at most one
        row per key. ``cutoffs`` has one column, ``as_of_day``.
    parts
        Families that each compute some of the columns, for callers that need no more.
    """

    name: str
    meaning: str
    reads: tuple[str, ...]
    columns: tuple[Column, ...]
    compute: Callable[[Rollups, ir.Table], ir.Table]
    parts: tuple[Family, ...] = ()


def narrowed(family: Family, names: Collection[str]) -> tuple[Family, ...]:
    """Return families that compute only the named columns, from as few roll-ups as possible."""
    if family.parts:
        return tuple(each for part in family.parts for each in narrowed(part, names))
    columns = tuple(column for column in family.columns if column.name in names)
    if not columns:
        return ()

    def compute(rollups: Rollups, cutoffs: ir.Table) -> ir.Table:
        rows = family.compute(rollups, cutoffs)
        return rows.select(*KEYS, *(column.name for column in columns))

    return (replace(family, columns=columns, compute=compute),)


def history(rollup: ir.Table, cutoffs: ir.Table) -> ir.Table:
    """Pair every fact with each cutoff at which it was known, and add ``age_days`` (1 or more).

    Families must take roll-ups through this function or :func:`first_seen`: that is what keeps
    them from the future.
    """
    paired = rollup.cross_join(cutoffs)
    seen = paired.filter(paired[KNOWN_FROM] < paired[AS_OF_DAY])
    return seen.mutate((seen[AS_OF_DAY] - seen[DAY]).name(AGE_DAYS))


def first_seen(rollup: ir.Table, cutoffs: ir.Table) -> ir.Table:
    """Pair every fact with the first cutoff at which it was known; drop facts known at none.

    A running sum over ``first_seen`` is then what each cutoff knew. For sums without a window
    this reads each fact once, where :func:`history` reads it once for each cutoff.
    """
    before = cutoffs[AS_OF_DAY].lag().over(order_by=cutoffs[AS_OF_DAY])
    spans = cutoffs.select(
        cutoffs[AS_OF_DAY].name(FIRST_SEEN), not_by=before.fill_null(_BEFORE_ALL_DAYS)
    )
    paired = rollup.cross_join(spans)
    is_new = paired[KNOWN_FROM] >= paired.not_by
    return paired.filter((paired[KNOWN_FROM] < paired[FIRST_SEEN]) & is_new).drop("not_by")


def carried_forward(states: ir.Table, cutoffs: ir.Table) -> ir.Table:
    """Repeat each customer's latest state at every cutoff, as observations are carried forward.

    Parameters
    ----------
    states
        One row per customer and ``first_seen``, the cutoff from which the state holds until the
        customer's next row.
    """
    customer = [states[C.CUSTOMER_ID]]
    following = states[FIRST_SEEN].lead().over(group_by=customer, order_by=states[FIRST_SEEN])
    lasting = states.mutate(following=following.fill_null(_AFTER_ALL_DAYS))
    paired = lasting.cross_join(cutoffs)
    began = paired[FIRST_SEEN] <= paired[AS_OF_DAY]
    return paired.filter(began & (paired.following > paired[AS_OF_DAY])).drop("following")


def known_orders(rollups: Rollups, cutoffs: ir.Table) -> ir.Table:
    """Return all orders as they were known at each cutoff, wholly returned ones included."""
    orders = history(rollups["order_states"], cutoffs)
    return orders.filter(orders[KNOWN_UNTIL].fill_null(_AFTER_ALL_DAYS) >= orders[AS_OF_DAY])


def net_positive_orders(rollups: Rollups, cutoffs: ir.Table) -> ir.Table:
    """Return the orders that still left revenue, as far as each cutoff knew of returns."""
    orders = known_orders(rollups, cutoffs)
    return orders.filter(orders[IS_NET_POSITIVE])


def within(table: ir.Table, days: int) -> ir.IntegerValue:
    """Return 1 where a fact is at most ``days`` old at its cutoff, else 0.

    Multiplying by it is much faster than one filtered aggregate for each window.
    """
    return (table[AGE_DAYS] <= days).cast("int64")


def half_life_weight(table: ir.Table, half_life_days: int) -> ir.FloatingValue:
    """Return ``0.5 ** (age_days / half_life_days)``."""
    # As floats: DuckDB would multiply a whole number by the constant's digits, as decimals.
    return (table[AGE_DAYS].cast("float64") * (-math.log(2) / half_life_days)).exp()


def left_join(left: ir.Table, right: ir.Table, keys: Sequence[str] = KEYS) -> ir.Table:
    """Join on equal keys and keep one copy of them."""
    return left.left_join(right, list(keys)).drop(*(f"{key}_right" for key in keys))


def discover_families() -> tuple[Family, ...]:
    """Return every family in :mod:`features.families`, in the order of the file names."""
    names = sorted(module.name for module in pkgutil.iter_modules(features.families.__path__))
    modules = (importlib.import_module(f"features.families.{name}") for name in names)
    return tuple(module.FAMILY for module in modules)
