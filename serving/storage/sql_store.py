"""The store in a database: SQLite by default, PostgreSQL where one machine is outgrown."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

import orjson
import sqlalchemy as sql
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, DBAPIError, SQLAlchemyError, StatementError

from features.vocabulary import Columns as C
from models.bundle.erasure import customer_hash
from serving.customers.rescored import Rescored
from serving.events import INTEREST_TYPES, Event
from serving.storage.bulk_insert import insert_new
from serving.storage.contact_store import ContactStore
from serving.storage.event_table import insert_group
from serving.storage.journal import take_turn
from serving.storage.migrations import upgrade
from serving.storage.score_store import ScoreStore, forget_scores, rescored_in
from serving.storage.sql_address import make_durable, make_private, time_limits, with_driver
from serving.storage.store import (
    AuditEntry,
    Decision,
    News,
    RescoringState,
    StoreError,
    UnstorableError,
)
from serving.storage.store_tables import AUDIT, CONTACTS, DECISIONS, ERASED, EVENTS, JOURNAL
from serving.storage.times import without_zone
from serving.storage.watch import Watch

_SENT: Final = [
    column.label("type") if column.name == C.EVENT_TYPE else column
    for column in EVENTS.columns
    if column.name not in ("received_at", "batch_id")
]


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
            address = with_driver(url)
            self._engine = sql.create_engine(
                address,
                json_serializer=_json,
                connect_args=time_limits(address),
                # Its errors would quote what shoppers did, wherever they are printed.
                hide_parameters=True,
            )
        except (SQLAlchemyError, ImportError) as error:
            raise StoreError(
                f"the database address is not usable: {error}",
                "Write it as sqlite:////path/to.db or, with the extra `postgres` installed, as "
                "postgresql://user@host/database.",
            ) from error
        self._watch = Watch(self._engine)
        if self._engine.dialect.name == "sqlite":
            make_private(self._engine.url.database)
            sql.event.listen(self._engine, "connect", make_durable)
        with self._connected(unhurried=True) as connection:
            upgrade(connection)
        self.contacts = ContactStore(self._connected)
        self.scores = ScoreStore(self._connected)

    def add_events(self, events: Sequence[Event], received_at: datetime) -> set[str]:
        """Store the events whose id is new and return those ids, once they are durable."""
        if not events:
            return set()
        batch_id = uuid.uuid4().hex
        with self._watch.writing(batch_id), self._connected() as connection:
            take_turn(connection)
            new = insert_group(connection, events, received_at, batch_id)
        if not new:
            # Then there is no such group.
            self._watch.passed([batch_id])
        return new

    def add_decisions(self, decisions: Sequence[Decision]) -> None:
        """Store decisions durably; one that is there already stays as it is."""
        if decisions:
            rows = [_decision_row(made) for made in decisions]
            with self._connected() as connection:
                insert_new(connection, DECISIONS, rows)
                _delete_erased(connection, decisions)

    def shopper_events(
        self, since: datetime, received_after: datetime, interests_since: datetime
    ) -> Iterator[Event]:
        """Yield what :class:`Store` says, oldest first."""
        recent = (EVENTS.c.ts >= without_zone(since)) | (
            EVENTS.c.received_at > without_zone(received_after)
        )
        wanted = sql.select(*_SENT).where(
            (EVENTS.c.event_type == "reject")
            | ((EVENTS.c.event_type == "purchase") & recent)
            | (
                EVENTS.c.event_type.in_(INTEREST_TYPES)
                & (EVENTS.c.ts >= without_zone(interests_since))
            )
        )
        for row in self.rows(wanted.order_by(EVENTS.c.ts, EVENTS.c.event_id)):
            yield _event(row)

    def version(self) -> int | None:
        """Return SQLite's count of what other connections wrote: a few microseconds."""
        with _read_at_once():
            return self._watch.version()

    def only_own_since(self, group: int) -> int | None:
        """Return what :class:`Store` says: a few microseconds more."""
        with _read_at_once():
            return self._watch.only_own_since(group)

    def latest_group(self) -> int:
        """Return the number of the latest group of events; 0 before the first."""
        with self._connected() as connection:
            return connection.scalar(sql.select(sql.func.max(JOURNAL.c.sequence))) or 0

    def news(self, group: int) -> News:
        """Return what was written after the group of this number."""
        later = sql.select(JOURNAL).where(JOURNAL.c.sequence > group)
        with self._connected() as connection:
            groups = {row.batch_id: row.sequence for row in connection.execute(later)}
            if not groups:
                return News(group, (), frozenset())
            others = self._watch.of_others(groups)
            self._watch.passed(groups)
            wanted = sql.select(*_SENT).where(
                EVENTS.c.batch_id.in_(others),
                EVENTS.c.event_type.in_(("reject", "purchase", *INTEREST_TYPES)),
            )
            rows = connection.execute(wanted.order_by(EVENTS.c.ts, EVENTS.c.event_id))
            events = [_event(row) for row in rows.mappings()]
            # An erasure is a group of its own, and is called by the hash.
            hashes = sql.select(ERASED.c.customer_hash).where(ERASED.c.customer_hash.in_(others))
            erased = frozenset(connection.scalars(hashes))
            rescored = list(rescored_in(connection, others))
            return News(max(groups.values()), events, erased, rescored)

    def erase(self, customer_id: str, at: datetime) -> int:
        """Forget a customer's events and decisions for good; return how many there were."""
        hashed = customer_hash(customer_id)
        with self._connected(unhurried=True) as connection:
            take_turn(connection)
            of_events = sql.delete(EVENTS).where(EVENTS.c.customer_id == customer_id)
            of_decisions = sql.delete(DECISIONS).where(DECISIONS.c.customer_id == customer_id)
            deleted = connection.execute(of_events).rowcount
            deleted += connection.execute(of_decisions).rowcount
            of_contacts = sql.delete(CONTACTS).where(CONTACTS.c.customer_id == customer_id)
            deleted += connection.execute(of_contacts).rowcount
            deleted += forget_scores(connection, customer_id)
            said = {"customer_hash": hashed, "erased_at": without_zone(at)}
            connection.execute(self._insert_new(ERASED), said)
            connection.execute(sql.insert(JOURNAL), {"batch_id": hashed})
        return deleted

    def rescored(self, model_version: str, most: int) -> list[Rescored]:
        """Return what :class:`Store` says."""
        return self.scores.made_with(model_version, most)

    def rescoring(self) -> RescoringState | None:
        """Return what :class:`Store` says."""
        return self.scores.state()

    def erased(self) -> set[str]:
        """Return the hashes of the ids of all customers who were erased."""
        with self._connected() as connection:
            return set(connection.scalars(sql.select(ERASED.c.customer_hash)))

    def audit(self, entry: AuditEntry) -> None:
        """Note what an administrator did."""
        with self._connected() as connection:
            said = asdict(entry) | {"ts": without_zone(entry.ts)}
            connection.execute(sql.insert(AUDIT), said)

    def rows(self, wanted: sql.Select[Any]) -> Iterator[Mapping[Any, Any]]:
        """Yield the rows of a query, streamed: memory does not grow with them."""
        with self._connected(unhurried=True) as connection:
            streamed = connection.execution_options(yield_per=10_000)
            yield from streamed.execute(wanted).mappings()

    def check(self) -> None:
        """Raise :class:`StoreError` when the store cannot be reached."""
        with self._connected() as connection:
            connection.execute(sql.select(1))

    def close(self) -> None:
        """Release the connections."""
        self._watch.close()
        self._engine.dispose()

    @contextmanager
    def _connected(self, *, unhurried: bool = False) -> Iterator[sql.Connection]:
        """Yield a connection in a transaction that is committed, thus durable, at the end.

        What nobody waits for, over tables of any size, is done without hurry.
        """
        try:
            with self._engine.begin() as connection:
                if unhurried and self._engine.dialect.name == "postgresql":
                    connection.execute(sql.text("SET LOCAL statement_timeout = 0"))
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


@contextmanager
def _read_at_once() -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise _failed(error) from error


def _failed(error: Exception) -> StoreError:
    return StoreError(
        f"the event store failed: {type(error).__name__}",
        "Check that the database runs and its disk has room.",
    )


def _event(row: Mapping[Any, Any]) -> Event:
    return Event.model_validate({**row, C.TS: row[C.TS].replace(tzinfo=UTC)})


def _decision_row(decision: Decision) -> dict[str, Any]:
    return decision._asdict() | {C.TS: without_zone(decision.ts)}


def _delete_erased(connection: sql.Connection, decisions: Sequence[Decision]) -> None:
    """Delete decisions on customers who were erased while the decisions waited to be written.

    Written first: a transaction that reads before it writes is refused where others write.
    """
    since = without_zone(min(made.ts for made in decisions))
    found = connection.execute(sql.select(ERASED).where(ERASED.c.erased_at >= since)).mappings()
    erased_at = {row["customer_hash"]: row["erased_at"] for row in found}
    if not erased_at:
        return
    late = [
        made.id
        for made in decisions
        if made.customer_id is not None
        and (at := erased_at.get(customer_hash(made.customer_id))) is not None
        and at >= without_zone(made.ts)
    ]
    connection.execute(sql.delete(DECISIONS).where(DECISIONS.c.id.in_(late)))


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _is_of_the_value(error: Exception) -> bool:
    """Tell whether a value was refused, by SQLAlchemy, the driver or the database."""
    if isinstance(error, DBAPIError):
        return isinstance(error, DataError)
    # A statement that failed before it reached the driver failed on encoding its values.
    return isinstance(error, StatementError | OverflowError | UnicodeEncodeError)
