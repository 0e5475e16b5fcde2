"""Groups of events on their way into their table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, Final

import sqlalchemy as sql

from features.vocabulary import Columns as C
from serving.events import Event
from serving.storage.bulk_insert import insert_new, insert_written
from serving.storage.store_tables import EVENTS, JOURNAL
from serving.storage.times import without_zone

_GROUP: Final = (C.EVENT_ID, C.EVENT_TYPE, C.TS, "received_at", "batch_id")
_OTHERS: Final = tuple(each.name for each in EVENTS.columns if each.name not in _GROUP)
_NAMES: Final = (*_GROUP, *_OTHERS)
_NEXT_GROUP: Final = sql.insert(JOURNAL)

# All at once: this is done for each event, and while no answer can be given.
_others_of: Final = itemgetter(*_OTHERS)


def insert_group(
    connection: sql.Connection, events: Sequence[Event], received_at: datetime, batch_id: str
) -> set[str]:
    """Insert the events whose id is new, as one group of the journal, and return those ids."""
    # Write first, then ask what was new: exact even beside other writers.
    if _insert(connection, events, received_at, batch_id) == len(events):
        new = {event.event_id for event in events}
    else:
        ours = EVENTS.c.batch_id == batch_id
        new = set(connection.scalars(sql.select(EVENTS.c.event_id).where(ours)))
    if new:
        connection.execute(_NEXT_GROUP, {"batch_id": batch_id})
    return new


def _insert(
    connection: sql.Connection, events: Sequence[Event], received_at: datetime, batch_id: str
) -> int:
    received = without_zone(received_at)
    if connection.dialect.name == "sqlite":
        group = (_written(received), batch_id)
        rows = [
            (e.event_id, e.type, _written(without_zone(e.ts)), *group, *_others_of(vars(e)))
            for e in events
        ]
        return insert_written(connection, EVENTS.name, _NAMES, rows)
    return insert_new(connection, EVENTS, [_row(event, received, batch_id) for event in events])


def _row(event: Event, received: datetime, batch_id: str) -> dict[str, Any]:
    group = (event.event_id, event.type, without_zone(event.ts), received, batch_id)
    return dict(zip(_NAMES, (*group, *_others_of(vars(event))), strict=True))


def _written(ts: datetime) -> str:
    """Write a time as SQLAlchemy keeps it in SQLite."""
    return ts.isoformat(" ", "microseconds")
