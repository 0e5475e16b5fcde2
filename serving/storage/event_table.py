"""Groups of events on their way into their table."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, Final

import sqlalchemy as sql

from features.vocabulary import Columns as C
from serving.events import Event
from serving.storage.bulk_insert import insert_written, unless_there
from serving.storage.store_tables import EVENTS, JOURNAL
from serving.storage.times import without_zone, written

_GROUP: Final = (C.EVENT_ID, C.EVENT_TYPE, C.TS, "received_at", "batch_id")
_OTHERS: Final = tuple(each.name for each in EVENTS.columns if each.name not in _GROUP)
_NAMES: Final = (*_GROUP, *_OTHERS)

# All at once: this is done for each event, and while no answer can be given.
_others_of: Final = itemgetter(*_OTHERS)


def insert_in_sqlite(
    connection: sqlite3.Connection, events: Sequence[Event], received_at: datetime, batch_id: str
) -> set[str]:
    """Insert the events whose id is new, as one group of the journal, and return those ids."""
    group = (written(received_at), batch_id)
    rows = [(e.event_id, e.type, written(e.ts), *group, *_others_of(vars(e))) for e in events]
    # Write first, then ask what was new: exact even beside other writers.
    if insert_written(connection.execute, EVENTS.name, _NAMES, rows) == len(events):
        new = {event.event_id for event in events}
    else:
        ours = "SELECT event_id FROM events WHERE batch_id = ?"
        new = {event_id for (event_id,) in connection.execute(ours, (batch_id,))}
    if new:
        connection.execute("INSERT INTO journal (batch_id) VALUES (?)", (batch_id,))
    return new


def insert_in_postgresql(
    connection: sql.Connection, events: Sequence[Event], received_at: datetime, batch_id: str
) -> set[str]:
    """Do the same in PostgreSQL."""
    received = without_zone(received_at)
    rows = [_row(event, received, batch_id) for event in events]
    connection.execute(unless_there(EVENTS), rows)
    ours = EVENTS.c.batch_id == batch_id
    new = set(connection.scalars(sql.select(EVENTS.c.event_id).where(ours)))
    if new:
        connection.execute(sql.insert(JOURNAL), {"batch_id": batch_id})
    return new


def _row(event: Event, received: datetime, batch_id: str) -> dict[str, Any]:
    group = (event.event_id, event.type, without_zone(event.ts), received, batch_id)
    return dict(zip(_NAMES, (*group, *_others_of(vars(event))), strict=True))
