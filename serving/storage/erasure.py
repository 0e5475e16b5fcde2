"""Erasing a customer from the store: the rows, and what is on its way to become rows.

Requests for the customer may be under way, in any worker, while the rows are deleted. Decisions
and contacts that they write afterwards are deleted or refused by the time at which they began;
events that were not acknowledged yet count as sent since.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sql

from models.bundle.erasure import customer_hash
from serving.storage.batches import batches
from serving.storage.journal import take_turn
from serving.storage.store_tables import (
    CONTACTS,
    DECISIONS,
    ERASED,
    ERASED_VISITS,
    EVENTS,
    JOURNAL,
    RESCORED,
)
from serving.storage.times import without_zone

# Requests that began so soon after an erasure may have been answered by a worker that did not
# know of it yet, or whose clock runs ahead.
UNDER_WAY: Final = timedelta(minutes=1)
# Nobody needs to know for longer which visits were an erased customer's.
_VISITS_KEPT: Final = timedelta(days=1)

_LOG_MILLISECONDS: Final = 100
_LOG_ATTEMPTS: Final = 5

_LOCK: Final = 7_348_128  # any number that no other program locks

WasErased = Callable[[str | None, datetime], bool]


def erase_rows(
    connected: Callable[[], AbstractContextManager[sql.Connection]],
    customer_id: str,
    clock: Callable[[], datetime],
) -> int:
    """Delete all rows of a customer, record the hash, and notify all workers; return how many rows.

    What was done without an id in visits in which the customer was named is deleted, too.
    """
    with connected() as connection:
        take_turn(connection)
        if connection.dialect.name == "postgresql":
            connection.execute(sql.select(sql.func.pg_advisory_xact_lock(_LOCK)))
        # Only now: nobody else writes until all is deleted.
        visits = _visits(connection, customer_id)
        deleted = 0
        for table in (EVENTS, DECISIONS, CONTACTS, RESCORED):
            ours = table.c.customer_id == customer_id
            deleted += connection.execute(sql.delete(table).where(ours)).rowcount
        for table in (EVENTS, DECISIONS):
            for some in batches(visits):
                ours = table.c.customer_id.is_(None) & table.c.session_id.in_(some)
                deleted += connection.execute(sql.delete(table).where(ours)).rowcount
        # At the end, however long that took: whoever waited to write began before.
        at = without_zone(clock())
        expired = ERASED_VISITS.c.erased_at < at - _VISITS_KEPT
        connection.execute(sql.delete(ERASED_VISITS).where(expired))
        _note(connection, ERASED_VISITS.c.visit_hash, map(customer_hash, visits), at)
        hashed = customer_hash(customer_id)
        _note(connection, ERASED.c.customer_hash, [hashed], at)
        connection.execute(sql.insert(JOURNAL), {"batch_id": hashed})
    return deleted


def hold_off_erasure(connection: sql.Connection) -> None:
    """Keep erasures out between writing and :func:`erased_since`; many may hold this lock.

    In SQLite a writer is alone anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sql.select(sql.func.pg_advisory_xact_lock_shared(_LOCK)))


def erased_since(connection: sql.Connection, first: datetime) -> WasErased:
    """Return a function that says whether a customer was erased after a request began.

    Parameters
    ----------
    first
        No request in question began before it; with its zone.
    """
    return _noted_since(connection, ERASED.c.customer_hash, first)


def visits_erased_since(connection: sql.Connection, first: datetime) -> WasErased:
    """Return the same for visits, by ``session_id``: whether a customer named in one was."""
    return _noted_since(connection, ERASED_VISITS.c.visit_hash, first)


def empty_log(connection: sql.Connection) -> None:
    """Write SQLite's write-ahead log into the database and empty it: it holds deleted rows.

    Nobody can write meanwhile, so it waits only briefly for readers. If one reads for longer the
    log stays as it is, until the next erasure or the end of the last process empties it.
    """
    if connection.dialect.name != "sqlite":
        return
    ((usual,),) = connection.exec_driver_sql("PRAGMA busy_timeout").all()
    connection.exec_driver_sql(f"PRAGMA busy_timeout={_LOG_MILLISECONDS}")
    try:
        for _ in range(_LOG_ATTEMPTS):
            ((is_busy, *_),) = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").all()
            if not is_busy:
                return
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout={usual}")


def _visits(connection: sql.Connection, customer_id: str) -> set[str]:
    visits: set[str] = set()
    for table in (EVENTS, DECISIONS):
        named = sql.select(table.c.session_id).where(table.c.customer_id == customer_id)
        visits.update(connection.scalars(named.where(table.c.session_id.is_not(None)).distinct()))
    return visits


def _note(
    connection: sql.Connection, key: sql.Column[str], hashes: Iterable[str], at: datetime
) -> None:
    """Note what is erased as of now, be it once more."""
    for some in batches(hashes):
        connection.execute(sql.delete(key.table).where(key.in_(some)))
        rows = [{key.name: hashed, "erased_at": at} for hashed in some]
        connection.execute(sql.insert(key.table), rows)


def _noted_since(connection: sql.Connection, key: sql.Column[str], first: datetime) -> WasErased:
    table, since = key.table, without_zone(first) - UNDER_WAY
    found = connection.execute(sql.select(table).where(table.c.erased_at >= since)).mappings()
    erased_at = {row[key.name]: row["erased_at"] for row in found}

    def was_erased(id_: str | None, began: datetime) -> bool:
        if id_ is None or not erased_at:
            return False
        at = erased_at.get(customer_hash(id_))
        return at is not None and at + UNDER_WAY >= without_zone(began)

    return was_erased
