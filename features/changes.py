"""What to do to bring each roll-up up to date: nothing, append new parts, or rebuild."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from features.rollup import Rollup, discover_rollups
from features.store import Store

# More files than this slow reading down: then the roll-up is rebuilt.
_MOST_PARTS = 40

Inputs = dict[str, list[str]]


@dataclass(frozen=True)
class Change:
    """How one roll-up is to be brought up to date.

    Attributes
    ----------
    part
        Name of the part to be written.
    inputs
        The checked tables that it is made from, each with all of its parts.
    new
        Those parts of them that are to be appended; ``None`` means a rebuild from all.
    """

    rollup: Rollup
    part: str
    inputs: Inputs
    new: Inputs | None


def plan_changes(store: Store, definition: str, *, catalogue_unchanged: bool) -> list[Change]:
    """Compare what each roll-up was made from with the checked tables as they are now.

    Parameters
    ----------
    definition
        Digest of the settings that roll-ups depend on.
    catalogue_unchanged
        Whether today's catalogue says the same of the products in lines rolled up before.
    """
    changes: list[Change] = []
    for rollup in discover_rollups():
        if not rollup.stored or not possible(store, rollup):
            continue
        known, inputs = store.rollups.get(rollup.name), _inputs(store, rollup)
        rebuilt = {change.rollup.name for change in changes if change.new is None}
        new = None
        same = catalogue_unchanged and known is not None and known.definition == definition
        if known is not None and same and rebuilt.isdisjoint(rollup.reads):
            new = _added(known.files[0], inputs) if len(known.parts) < _MOST_PARTS else None
        if new != {}:
            changes.append(Change(rollup, store.new_part(), inputs, new))
    return changes


def possible(store: Store, rollup: Rollup) -> bool:
    """Return whether the shop has all tables that a roll-up needs."""
    others = {each.name: each for each in discover_rollups()}
    return all(
        possible(store, others[name]) if name in others else name in store.tables
        for name in rollup.reads
    )


def _inputs(store: Store, rollup: Rollup) -> Inputs:
    """Return the checked tables that a roll-up is made from, each with its parts.

    The catalogue is left out: its changes are judged by its content.
    """
    others = {each.name: each for each in discover_rollups()}

    def tables(name: str) -> set[str]:
        if name not in others:
            return {name} & set(store.tables) - {"products"}
        reads = (*others[name].reads, *others[name].may_read)
        return functools.reduce(operator.or_, (tables(read) for read in reads), set[str]())

    return {name: list(store.tables[name].parts) for name in sorted(tables(rollup.name))}


def _added(before: Inputs, now: Inputs) -> Inputs | None:
    """Return the parts added since, or None if anything else changed."""
    grown = before.keys() == now.keys() and all(
        now[name][: len(parts)] == parts for name, parts in before.items()
    )
    if not grown:
        return None
    return {name: new for name, parts in now.items() if (new := parts[len(before[name]) :])}


def read_by(changes: Sequence[Change]) -> set[str]:
    """Name the checked tables and stored roll-ups that changes read, directly or indirectly."""
    not_stored = {each.name: each for each in discover_rollups() if not each.stored}

    def names(rollup: Rollup) -> Iterator[str]:
        for name in (*rollup.reads, *rollup.may_read):
            yield from names(not_stored[name]) if name in not_stored else (name,)

    return {name for change in changes for name in names(change.rollup)}
