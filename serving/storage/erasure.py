"""Erasing a customer from the store: the rows, and what is on its way to become rows.

Requests for the customer may be under way, in any worker, while the rows are deleted. Decisions
and contacts that they write afterwards are deleted or refused by the time at which they began;
events that were not acknowledged yet count as sent since.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sql

from features.vocabulary import Columns as C
from models.bundle.erasure import customer_hash
from serving.storage.batches import batches
from serving.storage.journal import take_turn
from serving.storage.store_tables import CONTACTS, DECISIONS, ERASED, EVENTS, JOURNAL, RESCORED
from serving.storage.times import without_zone

# Requests that began so soon after an erasure may have been answered by a worker that did not
# know of it yet, or whose clock runs ahead.
UNDER_WAY: Final = timedelta(minutes=1)

_LOG_MILLISECONDS: Final = 100
_LOG_ATTEMPTS: Final = 5

_LOCK: Final = 7_348_128  # any number that no other program locks
_KEYS: Final = ((EVENTS, EVENTS.c.event_id), (DECISIONS, DECISIONS.c.id))


def erase_rows(
    connected: Callable[[], AbstractContextManager[sql.Connection]],
    customer_id: str,
    at: datetime,
) -> int:
    """Delete all rows of a customer, note the hash, and tell all workers; return how many rows.

    What was done without an id in visits in which the customer was named is deleted, too.
    """
    with connected() as connection:
        # Not under the lock that writers wait for: it may take long.
        visits = _visits(connection, customer_id)
        anonymous = [_anonymous_rows(connection, table, key, visits) for table, key in _KEYS]
    hashed, deleted = customer_hash(customer_id), 0
    with connected() as connection:
        take_turn(connection)
        if connection.dialect.name == "postgresql":
            connection.execute(sql.select(sql.func.pg_advisory_xact_lock(_LOCK)))
        for table in (EVENTS, DECISIONS, CONTACTS, RESCORED):
            ours = table.c.customer_id == customer_id
            deleted += connection.execute(sql.delete(table).where(ours)).rowcount
        for (table, key), ids in zip(_KEYS, anonymous, strict=True):
            for some in batches(ids):
                deleted += connection.execute(sql.delete(table).where(key.in_(some))).rowcount
        # Whoever came back and is erased again is erased as of now.
        connection.execute(sql.delete(ERASED).where(ERASED.c.customer_hash == hashed))
        erased = {"customer_hash": hashed, "erased_at": without_zone(at)}
        connection.execute(sql.insert(ERASED), erased)
        connection.execute(sql.insert(JOURNAL), {"batch_id": hashed})
    return deleted


def hold_off_erasure(connection: sql.Connection) -> None:
    """Let no erasure come between writing and :func:`erased_since`; many may at one time.

    In SQLite whoever writes is alone anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sql.select(sql.func.pg_advisory_xact_lock_shared(_LOCK)))


def erased_since(
    connection: sql.Connection, first: datetime
) -> Callable[[str | None, datetime], bool]:
    """Return what tells whether a customer was erased after a request began.

    Parameters
    ----------
    first
        No request that will be asked about began before, with its zone.
    """
    since = without_zone(first) - UNDER_WAY
    found = connection.execute(sql.select(ERASED).where(ERASED.c.erased_at >= since)).mappings()
    erased_at = {row["customer_hash"]: row["erased_at"] for row in found}

    def was_erased(customer_id: str | None, began: datetime) -> bool:
        if customer_id is None or not erased_at:
            return False
        at = erased_at.get(customer_hash(customer_id))
        return at is not None and at + UNDER_WAY >= without_zone(began)

    return was_erased


def empty_log(connection: sql.Connection) -> None:
    """Write SQLite's write-ahead log into the database and empty it: it holds deleted rows.

    Nobody can write meanwhile, so it waits for readers but a moment. While one reads for longer
    the log stays as it is; the next erasure, or the end of the last process, empties it.
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
    for table, _ in _KEYS:
        named = sql.select(table.c.session_id).where(table.c.customer_id == customer_id)
        visits.update(connection.scalars(named.where(table.c.session_id.is_not(None)).distinct()))
    return visits


def _anonymous_rows(
    connection: sql.Connection,
    table: sql.Table,
    key: sql.ColumnElement[str],
    visits: Collection[str],
) -> Iterable[str]:
    found: list[str] = []
    for some in batches(visits):
        ours = table.c[C.CUSTOMER_ID].is_(None) & table.c[C.SESSION_ID].in_(some)
        found += connection.scalars(sql.select(key).where(ours)).all()
    return found
