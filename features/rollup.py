"""What a roll-up is: facts of one kind, summed by customer and day, and when each became known.

Only roll-ups read the checked input tables; feature families read roll-ups. Add one by adding it
to a file in :mod:`features.rollups`. Days are whole numbers, counted from 1970-01-01 UTC. Two
columns keep features from seeing the future:

``known_from``
    the first day on which the shop's systems held the fact; a cutoff sees facts with
    ``known_from < as_of_day``.
``known_until``
    of orders only: the day from which a later record of the same order (a return, a line that
    arrived late) replaced this state of it; missing for the latest state.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

import features.rollups
from features.settings import ShopSettings
from features.vocabulary import Columns as C

DAY = "day"
KNOWN_FROM = "known_from"
KNOWN_UNTIL = "known_until"
FIRST_KNOWN_FROM = "first_known_from"
IS_NET_POSITIVE = "is_net_positive"
# Sums of prices are not exact in binary: amounts below half a cent count as zero.
HALF_A_CENT = 0.005

Tables = Mapping[str, ir.Table]
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Rollup:
    """One rolled-up table and how it is made.

    Rows are additive: those made from new records alone, appended to the stored ones, are worth
    as much as a rebuild from all records. So a daily refresh only appends, several rows may
    describe one day, and families must sum over them.

    Attributes
    ----------
    reads
        Checked tables and other roll-ups that it needs; a shop that lacks one does without it.
    may_read
        Those that it uses where the shop has them.
    build
        ``(tables, shop) -> table``.
    by_customer
        Whether a row is stored in its customer's share; else every share reads all rows.
    stored
        Whether it is written to the workspace; else it is only a step towards other roll-ups.
    restates
        For rows that are not additive: the key columns. A refresh computes all rows of the keys
        that new records touch again, and their earlier rows no longer count.
    """

    name: str
    meaning: str
    reads: tuple[str, ...]
    build: Callable[[Tables, ShopSettings], ir.Table]
    may_read: tuple[str, ...] = ()
    by_customer: bool = True
    stored: bool = True
    restates: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rollups:
    """The rolled-up tables of a shop, as Ibis expressions, by name.

    Attributes
    ----------
    buckets
        Number of shares that the customers are split into, by a hash of their ids.
    open_bucket
        Opens the same tables for one share; None where everyone is taken at once.
    """

    tables: Tables
    buckets: int = 1
    open_bucket: Callable[[int], Rollups] | None = None

    def __getitem__(self, name: str) -> ir.Table:
        return self.tables[name]

    def __contains__(self, name: str) -> bool:
        return name in self.tables

    def shares(self) -> Iterator[Rollups]:
        """Yield the tables of one share of the customers after the other, to bound memory.

        The tables of a share are valid until the next share is asked for.
        """
        if self.open_bucket is None:
            yield self
        else:
            yield from map(self.open_bucket, range(self.buckets))


def to_epoch_day(day: date) -> int:
    """Return days since 1970-01-01."""
    return (day - _EPOCH).days


def from_epoch_day(days: int) -> date:
    """Return the date of days since 1970-01-01."""
    return _EPOCH + timedelta(days=days)


def epoch_day(ts: ir.TimestampValue) -> ir.IntegerValue:
    """Return whole days since 1970-01-01."""
    return ts.date().epoch_days().cast("int32")


def known_from(table: ir.Table, day: ir.IntegerValue) -> ir.IntegerValue:
    """Return the day a record happened, or the day it could first be read where that is later."""
    # Both engines' `greatest` passes over a missing day.
    return ibis.greatest(day, epoch_day(table[C.AVAILABLE_AT]))


def dated(table: ir.Table) -> ir.Table:
    """Add ``day`` and ``known_from`` to a table of records with a ``ts``."""
    day = epoch_day(table[C.TS])
    known = known_from(table, day) if C.AVAILABLE_AT in table.columns else day
    return table.mutate(day=day, known_from=known)


def discover_rollups() -> tuple[Rollup, ...]:
    """Return every roll-up in :mod:`features.rollups`, each one after those that it reads."""
    names = sorted(module.name for module in pkgutil.iter_modules(features.rollups.__path__))
    modules = (importlib.import_module(f"features.rollups.{name}") for name in names)
    return _in_order([rollup for module in modules for rollup in module.ROLLUPS])


def _in_order(rollups: Sequence[Rollup]) -> tuple[Rollup, ...]:
    by_name = {rollup.name: rollup for rollup in rollups}
    ordered: dict[str, Rollup] = {}

    def place(rollup: Rollup) -> None:
        for name in (*rollup.reads, *rollup.may_read):
            if name in by_name and name not in ordered:
                place(by_name[name])
        ordered[rollup.name] = rollup

    for rollup in rollups:
        place(rollup)
    return tuple(ordered.values())
