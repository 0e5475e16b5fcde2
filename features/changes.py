"""What is to be done for each roll-up to say what the checked tables say: nothing, some, or all."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from features.rollup import Rollup, discover_rollups
from features.store import Store

# Past so many small files reading suffers: then all is rolled up anew, from checked tables.
_MOST_PARTS = 40

Inputs = dict[str, list[str]]


@dataclass(frozen=True)
class Change:
    """How one roll-up is to be brought up to date.

    Attributes
    ----------
    part
        Name of the part that it is to get.
    new
        The parts of checked tables to append; ``None`` means a rebuild from all.
    """

    rollup: Rollup
    part: str
    inputs: Inputs
    new: Inputs | None


def plan_changes(store: Store, definition: str, *, stands: bool) -> list[Change]:
    """Compare what each roll-up was made from with what there is now.

    Parameters
    ----------
    definition
        Digest of the settings that shape roll-ups.
    stands
        Whether lines rolled up already would look up the same in the catalogue of now.
    """
    changes: list[Change] = []
    for rollup in discover_rollups():
        if not rollup.stored or not possible(store, rollup):
            continue
        known, inputs = store.rollups.get(rollup.name), _inputs(store, rollup)
        anew = {change.rollup.name for change in changes if change.new is None}
        new = None
        same = known is not None and known.definition == definition and stands
        if known is not None and same and anew.isdisjoint(rollup.reads):
            new = _added(known.files[0], inputs) if len(known.parts) < _MOST_PARTS else None
        if new != {}:
            changes.append(Change(rollup, store.new_part(), inputs, new))
    return changes


def possible(store: Store, rollup: Rollup) -> bool:
    """Return whether the shop has all that a roll-up is made from."""
    others = {each.name: each for each in discover_rollups()}
    return all(
        possible(store, others[name]) if name in others else name in store.tables
        for name in rollup.reads
    )


def _inputs(store: Store, rollup: Rollup) -> Inputs:
    """Return the checked tables that a roll-up stands on, each with its parts.

    The catalogue is only looked up: whether its changes matter is asked of its content.
    """
    others = {each.name: each for each in discover_rollups()}

    def tables(name: str) -> set[str]:
        if name not in others:
            return {name} & set(store.tables) - {"products"}
        reads = (*others[name].reads, *others[name].may_read)
        return functools.reduce(operator.or_, (tables(read) for read in reads), set[str]())

    return {name: list(store.tables[name].parts) for name in sorted(tables(rollup.name))}


def _added(before: Inputs, now: Inputs) -> Inputs | None:
    """Return the parts that were added since, or None where anything else happened."""
    grown = before.keys() == now.keys() and all(
        now[name][: len(parts)] == parts for name, parts in before.items()
    )
    if not grown:
        return None
    return {name: new for name, parts in now.items() if (new := parts[len(before[name]) :])}


def read_by(changes: Sequence[Change]) -> set[str]:
    """Name the checked tables and stored roll-ups that changes read, if only through others."""
    not_stored = {each.name: each for each in discover_rollups() if not each.stored}

    def names(rollup: Rollup) -> Iterator[str]:
        for name in (*rollup.reads, *rollup.may_read):
            yield from names(not_stored[name]) if name in not_stored else (name,)

    return {name for change in changes for name in names(change.rollup)}
