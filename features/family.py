"""What a feature family is, and the only way for one to look at the past.

A family is a function from roll-ups and a table of cutoffs to columns keyed by
``(customer_id, as_of_day)``: many cutoffs in one pass. Add one by adding a file to
:mod:`features.families` that defines ``FAMILY``; vectors, tests and reports find it.
"""

from __future__ import annotations

import importlib
import math
import pkgutil
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Literal

import ibis.expr.types as ir

import features.families
from features.rollup import DAY, KNOWN_FROM, KNOWN_UNTIL, STANDS, Rollups
from features.vocabulary import Columns as C

AS_OF_DAY = "as_of_day"
KEYS = (C.CUSTOMER_ID, AS_OF_DAY)
AGE_DAYS = "age_days"
FIRST_SEEN = "first_seen"


@dataclass(frozen=True)
class Column:
    """One feature: what it is called, means and is counted in, and what missing says."""

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
        The roll-ups it needs; where a shop lacks one, the family is left out.
    compute
        ``(rollups, cutoffs) -> table`` with the two keys and exactly ``columns``, at most one
        row per key. ``cutoffs`` has one column, ``as_of_day``.
    parts
        Families that compute some of the columns each, for who asks for those alone.
    """

    name: str
    meaning: str
    reads: tuple[str, ...]
    columns: tuple[Column, ...]
    compute: Callable[[Rollups, ir.Table], ir.Table]
    parts: tuple[Family, ...] = ()


def narrowed(family: Family, names: Collection[str]) -> tuple[Family, ...]:
    """Return what computes some of a family's columns, reading no more than they need."""
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
    """Pair every fact with each cutoff that could see it, and add ``age_days`` (1 or more).

    Families must take roll-ups through here, or through :func:`first_seen`: it is what keeps
    them from the future.
    """
    paired = rollup.cross_join(cutoffs)
    seen = paired.filter(paired[KNOWN_FROM] < paired[AS_OF_DAY])
    return seen.mutate((seen[AS_OF_DAY] - seen[DAY]).name(AGE_DAYS))


def first_seen(rollup: ir.Table, cutoffs: ir.Table) -> ir.Table:
    """Give every fact the first cutoff that could see it; facts that none sees are left out.

    What a cutoff knows is then all that was first seen by it or by an earlier one: for sums that
    only grow, each fact is read once and not once for each cutoff. The other way to the past,
    beside :func:`history`.
    """
    before = cutoffs[AS_OF_DAY].lag().over(order_by=cutoffs[AS_OF_DAY])
    spans = cutoffs.select(cutoffs[AS_OF_DAY].name(FIRST_SEEN), not_by=before)
    paired = rollup.cross_join(spans)
    is_new = paired.not_by.isnull() | (paired[KNOWN_FROM] >= paired.not_by)
    return paired.filter((paired[KNOWN_FROM] < paired[FIRST_SEEN]) & is_new).drop("not_by")


def held(states: ir.Table, cutoffs: ir.Table) -> ir.Table:
    """Pair what stood of each customer from ``first_seen`` on with the cutoffs until the next."""
    customer = [states[C.CUSTOMER_ID]]
    following = states[FIRST_SEEN].lead().over(group_by=customer, order_by=states[FIRST_SEEN])
    paired = states.mutate(following=following).cross_join(cutoffs)
    began = paired[FIRST_SEEN] <= paired[AS_OF_DAY]
    lasts = paired.following.isnull() | (paired.following > paired[AS_OF_DAY])
    return paired.filter(began & lasts).drop("following")


def known_orders(rollups: Rollups, cutoffs: ir.Table) -> ir.Table:
    """Return all orders, void ones included, as they were known at each cutoff."""
    orders = history(rollups["order_states"], cutoffs)
    return orders.filter(orders[KNOWN_UNTIL].isnull() | (orders[KNOWN_UNTIL] >= orders[AS_OF_DAY]))


def standing_orders(rollups: Rollups, cutoffs: ir.Table) -> ir.Table:
    """Return the net-positive orders of each cutoff: seen, and not known to be void by then."""
    orders = known_orders(rollups, cutoffs)
    return orders.filter(orders[STANDS])


def within(table: ir.Table, days: int) -> ir.IntegerValue:
    """Return 1 where a fact is at most ``days`` old at its cutoff, else 0.

    Multiplying by it is much faster than a filtered aggregate per window.
    """
    return (table[AGE_DAYS] <= days).cast("int64")


def faded(table: ir.Table, half_life_days: int) -> ir.FloatingValue:
    """Return a weight of 1 for today's facts that halves every ``half_life_days``."""
    return (table[AGE_DAYS] * (-math.log(2) / half_life_days)).exp()


def discover_families() -> tuple[Family, ...]:
    """Return every family in :mod:`features.families`, by file name."""
    names = sorted(module.name for module in pkgutil.iter_modules(features.families.__path__))
    modules = (importlib.import_module(f"features.families.{name}") for name in names)
    return tuple(module.FAMILY for module in modules)
