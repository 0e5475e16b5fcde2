"""Decisions on their way into their table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import sqlalchemy as sql

from features.vocabulary import Columns as C
from serving.storage.bulk_insert import insert_written, unless_there
from serving.storage.erasure import erased_since, hold_off_erasure, visits_erased_since
from serving.storage.sql_errors import unstorable
from serving.storage.store import Decision
from serving.storage.store_tables import DECISIONS
from serving.storage.times import without_zone, written


def insert_decisions(connection: sql.Connection, decisions: Sequence[Decision]) -> None:
    """Insert the decisions that are not there yet, save those on customers erased since.

    Written first: a transaction that reads before it writes is refused where others write.
    """
    hold_off_erasure(connection)
    if connection.dialect.name == "sqlite":
        rows = [_written(made) for made in decisions]
        insert_written(connection.exec_driver_sql, DECISIONS.name, Decision._fields, rows)
    else:
        values = [made._asdict() | {C.TS: without_zone(made.ts)} for made in decisions]
        connection.execute(unless_there(DECISIONS), values)
    _delete_erased(connection, decisions)


def write_json(value: Any) -> str:
    """Write what a column of JSON keeps."""
    return orjson.dumps(value).decode()


def _written(made: Decision) -> tuple[Any, ...]:
    id_, ts, *others, context, choices = made
    try:
        return (id_, written(ts), *others, write_json(context), choices)
    except TypeError as error:
        raise unstorable(error) from error


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
