"""The store in a database: SQLite by default, PostgreSQL where one machine is outgrown."""

from __future__ import annotations

import os
import sqlite3
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson
import sqlalchemy as sql
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, DBAPIError, SQLAlchemyError, StatementError

from features.vocabulary import Columns as C
from models.erasure import customer_hash
from serving.events import Event
from serving.migrations import upgrade
from serving.store import AuditEntry, Decision, News, StoreError, UnstorableError
from serving.store_tables import AUDIT, DECISIONS, ERASED, EVENTS, JOURNAL

_SENT: Final = [
    column.label("type") if column.name == C.EVENT_TYPE else column
    for column in EVENTS.columns
    if column.name not in ("received_at", "batch_id")
]


_JOURNAL_LOCK: Final = 7_348_127  # any number that no other program locks


class SqlStore:
    """A :class:`Store` in a database.

    Parameters
    ----------
    url
        As SQLAlchemy writes it: ``sqlite:////var/lib/regulars/events.db``.

    Raises
    ------
    StoreError
        When the database cannot be opened.
    """

    def __init__(self, url: str) -> None:
        try:
            self._engine = sql.create_engine(_with_driver(url), json_serializer=_json)
        except (SQLAlchemyError, ImportError) as error:
            raise StoreError(
                f"the database address is not usable: {error}",
                "Write it as sqlite:////path/to.db or, with the extra `postgres` installed, as "
                "postgresql://user@host/database.",
            ) from error
        self._watching: sql.PoolProxiedConnection | None = None
        if self._engine.dialect.name == "sqlite":
            _make_private(self._engine.url.database)
            sql.event.listen(self._engine, "connect", _make_durable)
        with self._connected() as connection:
            upgrade(connection)

    def add_events(self, events: Sequence[Event], received_at: datetime) -> set[str]:
        """Store the events whose id is new and return those ids, once they are durable."""
        if not events:
            return set()
        batch_id = uuid.uuid4().hex
        received = {"received_at": _without_zone(received_at), "batch_id": batch_id}
        rows = [_event_row(event) | received for event in events]
        stored = sql.select(EVENTS.c.event_id).where(
            EVENTS.c.event_id.in_([event.event_id for event in events]),
            EVENTS.c.batch_id == batch_id,
        )
        with self._connected() as connection:
            if self._engine.dialect.name == "postgresql":
                # One group at a time, so that groups become visible in the order of the journal.
                connection.execute(sql.select(sql.func.pg_advisory_xact_lock(_JOURNAL_LOCK)))
            # Write first, then ask what was new: exact even beside other writers.
            connection.execute(self._insert_new(EVENTS), rows)
            new = set(connection.scalars(stored))
            if new:
                connection.execute(sql.insert(JOURNAL), {"batch_id": batch_id})
            return new

    def add_decisions(self, decisions: Sequence[Decision]) -> None:
        """Store decisions durably; one that is there already stays as it is."""
        if decisions:
            with self._connected() as connection:
                connection.execute(
                    self._insert_new(DECISIONS), [_decision_row(made) for made in decisions]
                )

    def shopper_events(self, since: datetime, received_after: datetime) -> Iterator[Event]:
        """Yield all rejects, and the purchases dated since then or received after, oldest first."""
        recent = (EVENTS.c.ts >= _without_zone(since)) | (
            EVENTS.c.received_at > _without_zone(received_after)
        )
        wanted = sql.select(*_SENT).where(
            (EVENTS.c.event_type == "reject") | ((EVENTS.c.event_type == "purchase") & recent)
        )
        with self._connected() as connection:
            streamed = connection.execution_options(yield_per=10_000)
            rows = streamed.execute(wanted.order_by(EVENTS.c.ts, EVENTS.c.event_id))
            for row in rows.mappings():
                yield _event(row)

    def version(self) -> int | None:
        """Return SQLite's count of what other connections wrote: a few microseconds."""
        if self._engine.dialect.name != "sqlite":
            return None
        try:
            if self._watching is None:
                # It never writes, so that every write is another connection's.
                self._watching = self._engine.raw_connection()
            cursor = self._watching.cursor()
            cursor.execute("PRAGMA data_version")
            ((version,),) = cursor.fetchall()
            return int(version)
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise _failed(error) from error

    def heard(self) -> int:
        """Return the number of the latest group of events; 0 before the first."""
        with self._connected() as connection:
            return connection.scalar(sql.select(sql.func.max(JOURNAL.c.sequence))) or 0

    def news(self, heard: int) -> News:
        """Return what was written after the group of a number."""
        later = sql.select(JOURNAL).where(JOURNAL.c.sequence > heard)
        with self._connected() as connection:
            groups = {row.batch_id: row.sequence for row in connection.execute(later)}
            if not groups:
                return News(heard, (), frozenset())
            wanted = sql.select(*_SENT).where(
                EVENTS.c.batch_id.in_(groups), EVENTS.c.event_type.in_(("reject", "purchase"))
            )
            rows = connection.execute(wanted.order_by(EVENTS.c.ts, EVENTS.c.event_id))
            events = [_event(row) for row in rows.mappings()]
            # An erasure is a group of its own, and is called by the hash.
            hashes = sql.select(ERASED.c.customer_hash).where(ERASED.c.customer_hash.in_(groups))
            return News(max(groups.values()), events, frozenset(connection.scalars(hashes)))

    def erase(self, customer_id: str, at: datetime) -> int:
        """Forget a customer's events and decisions for good; return how many there were."""
        hashed = customer_hash(customer_id)
        with self._connected() as connection:
            of_events = sql.delete(EVENTS).where(EVENTS.c.customer_id == customer_id)
            of_decisions = sql.delete(DECISIONS).where(DECISIONS.c.customer_id == customer_id)
            deleted = connection.execute(of_events).rowcount
            deleted += connection.execute(of_decisions).rowcount
            said = {"customer_hash": hashed, "erased_at": _without_zone(at)}
            connection.execute(self._insert_new(ERASED), said)
            connection.execute(sql.insert(JOURNAL), {"batch_id": hashed})
        return deleted

    def erased(self) -> set[str]:
        """Return the hashes of the ids of all customers who were erased."""
        with self._connected() as connection:
            return set(connection.scalars(sql.select(ERASED.c.customer_hash)))

    def audit(self, entry: AuditEntry) -> None:
        """Note what an administrator did."""
        with self._connected() as connection:
            said = asdict(entry) | {"ts": _without_zone(entry.ts)}
            connection.execute(sql.insert(AUDIT), said)

    def check(self) -> None:
        """Raise :class:`StoreError` when the store cannot be reached."""
        with self._connected() as connection:
            connection.execute(sql.select(1))

    def close(self) -> None:
        """Release the connections."""
        if self._watching is not None:
            self._watching.close()
        self._engine.dispose()

    @contextmanager
    def _connected(self) -> Iterator[sql.Connection]:
        """Yield a connection in a transaction that is committed, thus durable, at the end."""
        try:
            with self._engine.begin() as connection:
                yield connection
        except (SQLAlchemyError, OverflowError, UnicodeEncodeError) as error:
            if _is_of_the_value(error):
                raise UnstorableError(
                    f"a value cannot be stored: {type(error).__name__}",
                    "Send Unicode text without NUL, and integers of at most 64 bits.",
                ) from error
            raise _failed(error) from error

    def _insert_new(self, table: sql.Table) -> sql.Insert:
        if self._engine.dialect.name == "postgresql":
            return postgresql.insert(table).on_conflict_do_nothing()
        return sqlite.insert(table).on_conflict_do_nothing()


def _failed(error: Exception) -> StoreError:
    return StoreError(
        f"the event store failed: {type(error).__name__}",
        "Check that the database runs and its disk has room.",
    )


def _event(row: Mapping[Any, Any]) -> Event:
    return Event.model_validate({**row, C.TS: row[C.TS].replace(tzinfo=UTC)})


def _with_driver(url: str) -> sql.URL:
    """Name the PostgreSQL driver that this project comes with, where none is named."""
    address = sql.make_url(url)
    plain = address.drivername in {"postgres", "postgresql"}
    return address.set(drivername="postgresql+psycopg") if plain else address


def _event_row(event: Event) -> dict[str, Any]:
    sent = event.model_dump(exclude={"type"})
    return sent | {C.EVENT_TYPE: event.type, C.TS: _without_zone(event.ts)}


def _decision_row(decision: Decision) -> dict[str, Any]:
    # Not asdict: it would copy what is only to be written.
    row = {field.name: getattr(decision, field.name) for field in fields(decision)}
    return row | {C.TS: _without_zone(decision.ts)}


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _is_of_the_value(error: Exception) -> bool:
    """Tell whether a value was refused, by SQLAlchemy, the driver or the database."""
    if isinstance(error, DBAPIError):
        return isinstance(error, DataError)
    # A statement that failed before it reached the driver failed on encoding its values.
    return isinstance(error, StatementError | OverflowError | UnicodeEncodeError)


def _make_private(database: str | None) -> None:
    """Let only the owner read a database file; SQLite gives -wal and -shm its mode.

    A ``file:`` address, with options of SQLite's own, is left to who wrote it.
    """
    if not database or database.startswith((":memory:", "file:")):
        return
    path = Path(database)
    # What cannot be made here is said by SQLite, when it opens the file.
    with suppress(OSError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    # By name: closing a file that is open elsewhere in this process drops SQLite's locks on it.
    for part in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
        with suppress(OSError):
            if part.is_file():
                part.chmod(0o600)


def _make_durable(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _without_zone(ts: datetime) -> datetime:
    return ts.astimezone(UTC).replace(tzinfo=None)
