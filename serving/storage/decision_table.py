"""Decisions on their way into their table."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

import orjson
import sqlalchemy as sql

from features.vocabulary import Columns as C
from serving.storage.bulk_insert import insert_written, unless_there
from serving.storage.erasure import (
    UNDER_WAY,
    erased_since,
    hold_off_erasure,
    visits_erased_since,
)
from serving.storage.store import Decision
from serving.storage.store_tables import DECISIONS
from serving.storage.times import without_zone, written

_AT_ONCE: Final = 32
_ANY_ERASED: Final = (
    "SELECT EXISTS(SELECT 1 FROM erased WHERE erased_at >= ?)"
    " OR EXISTS(SELECT 1 FROM erased_visits WHERE erased_at >= ?)"
)


def insert_decisions(connection: sql.Connection, decisions: Sequence[Decision]) -> None:
    """Insert the decisions that are not there yet, save those on customers erased since.

    Written first: a transaction that reads before it writes is refused where others write.
    """
    hold_off_erasure(connection)
    if connection.dialect.name == "sqlite":
        rows = [_written(made) for made in decisions]
        insert_written(connection.exec_driver_sql, DECISIONS.name, Decision._fields, rows)
    else:
        connection.execute(unless_there(DECISIONS), [_values(made) for made in decisions])
    _delete_erased(connection, decisions)


def insert_in_sqlite(connection: sqlite3.Connection, decisions: Sequence[Decision]) -> bool:
    """Do the same in SQLite, by its own driver, while nobody else can write.

    Returns
    -------
    False, with nothing inserted, where anybody was erased lately: then each is to be looked at.
    """
    since = written(min(made.ts for made in decisions) - UNDER_WAY)
    ((was_erased,),) = connection.execute(_ANY_ERASED, (since, since))
    if was_erased:
        return False
    # Few at a time: no answer can be given while they are made ready.
    for start in range(0, len(decisions), _AT_ONCE):
        rows = [_written(made) for made in decisions[start : start + _AT_ONCE]]
        insert_written(connection.execute, DECISIONS.name, Decision._fields, rows)
    return True


def _written(made: Decision) -> tuple[Any, ...]:
    """Write a decision as SQLite keeps it."""
    id_, ts, *others = made
    return (id_, written(ts), *others)


def _values(made: Decision) -> dict[str, Any]:
    """Return a decision as PostgreSQL's driver takes it."""
    known = {C.TS: without_zone(made.ts), "context": orjson.loads(made.context)}
    return made._asdict() | known


def _delete_erased(connection: sql.Connection, decisions: Sequence[Decision]) -> None:
    """Delete decisions on customers who were erased while the decisions waited to be written.

    And those on nobody known in their visits.
    """
    first = min(made.ts for made in decisions)
    was_erased = erased_since(connection, first)
    visit_was_erased = visits_erased_since(connection, first)
    late = [
        made.id
        for made in decisions
        if was_erased(made.customer_id, made.ts)
        or (made.customer_id is None and visit_was_erased(made.session_id, made.ts))
    ]
    if not late:
        return
    connection.execute(sql.delete(DECISIONS).where(DECISIONS.c.id.in_(late)))
