"""The store in a database: SQLite by default, PostgreSQL where one machine is outgrown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import sqlalchemy as sql
from sqlalchemy.exc import SQLAlchemyError

from features.vocabulary import Columns as C
from serving.customers.rescored import Rescored
from serving.events import INTEREST_TYPES, Event
from serving.storage import decision_table
from serving.storage.contact_store import ContactStore
from serving.storage.erasure import empty_log, erase_rows
from serving.storage.event_table import insert_in_postgresql, insert_in_sqlite
from serving.storage.journal import group_id, take_turn
from serving.storage.migrations import upgrade
from serving.storage.score_store import ScoreStore, rescored_in
from serving.storage.sql_address import make_durable, make_private, time_limits, with_driver
from serving.storage.sql_errors import store_errors
from serving.storage.sqlite_write import writing_at_once
from serving.storage.store import AuditEntry, Decision, News, RescoringState, StoreError
from serving.storage.store_tables import AUDIT, ERASED, EVENTS, JOURNAL
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
        batch_id = group_id(received_at)
        with self._watch.writing(batch_id):
            new = self._insert(events, received_at, batch_id)
        if not new:
            # Then there is no such group.
            self._watch.passed([batch_id])
        return new

    def add_decisions(self, decisions: Sequence[Decision]) -> None:
        """Store decisions durably; one that is there already stays as it is."""
        if not decisions or self._insert_at_once(decisions):
            return
        with self._connected() as connection:
            decision_table.insert_decisions(connection, decisions)

    def shopper_events(
        self,
        since: datetime,
        received_after: datetime,
        visits_since: datetime,
        most_interests: int | None = None,
    ) -> Iterator[Event]:
        """Yield what :class:`Store` says, oldest first."""
        recent = (EVENTS.c.ts >= without_zone(since)) | (
            EVENTS.c.received_at > without_zone(received_after)
        )
        of_visit = is_late = EVENTS.c.ts >= without_zone(visits_since)
        if most_interests is not None:
            for row in self.rows(_ts_of_interest(most_interests, visits_since)):
                is_late = EVENTS.c.ts >= row[C.TS]
        wanted = sql.select(*_SENT).where(
            ((EVENTS.c.event_type == "reject") & (EVENTS.c.customer_id.is_not(None) | of_visit))
            | ((EVENTS.c.event_type == "purchase") & recent)
            | (EVENTS.c.event_type.in_(INTEREST_TYPES) & is_late)
        )
        for row in self.rows(wanted.order_by(EVENTS.c.ts, EVENTS.c.event_id)):
            yield _event(row)

    def version(self) -> int | None:
        """Return SQLite's count of what other connections wrote: a few microseconds."""
        with store_errors():
            return self._watch.version()

    def only_own_since(self, group: int) -> int | None:
        """Return what :class:`Store` says: a few microseconds more."""
        with store_errors():
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
            # An erasure is a group of its own, and is called by the hash.
            hashes = sql.select(ERASED.c.customer_hash).where(ERASED.c.customer_hash.in_(others))
            if erased := frozenset(connection.scalars(hashes)):
                # What this worker remembers of a customer is forgotten, with what came since.
                others = groups
            wanted = sql.select(*_SENT).where(
                EVENTS.c.batch_id.in_(others),
                EVENTS.c.event_type.in_(("reject", "purchase", *INTEREST_TYPES)),
            )
            rows = connection.execute(wanted.order_by(EVENTS.c.ts, EVENTS.c.event_id))
            events = [_event(row) for row in rows.mappings()]
            rescored = list(rescored_in(connection, others))
            return News(max(groups.values()), events, erased, rescored)

    def erase(self, customer_id: str, clock: Callable[[], datetime]) -> int:
        """Forget a customer's events and decisions for good; return how many there were."""
        # Not marked as this worker's own group: it reads the erasure in the journal, as all do.
        deleted = erase_rows(partial(self._connected, unhurried=True), customer_id, clock)
        # The rows are gone: a log that cannot be emptied now is emptied later, and is no failure.
        with suppress(StoreError), self._connected() as connection:
            empty_log(connection)
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
            row = asdict(entry) | {"ts": without_zone(entry.ts)}
            connection.execute(sql.insert(AUDIT), row)

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

        ``unhurried`` lifts the time limit, for work over tables of any size that nobody waits for.
        """
        with store_errors(), self._engine.begin() as connection:
            if unhurried and self._engine.dialect.name == "postgresql":
                connection.execute(sql.text("SET LOCAL statement_timeout = 0"))
            yield connection

    def _insert(self, events: Sequence[Event], received_at: datetime, batch_id: str) -> set[str]:
        if self._engine.dialect.name == "sqlite":
            with store_errors(), writing_at_once(self._engine) as driver:
                return insert_in_sqlite(driver, events, received_at, batch_id)
        with self._connected() as connection:
            take_turn(connection)
            return insert_in_postgresql(connection, events, received_at, batch_id)

    def _insert_at_once(self, decisions: Sequence[Decision]) -> bool:
        """Insert decisions where that is quick: in SQLite, and while nobody was erased lately."""
        if self._engine.dialect.name != "sqlite":
            return False
        with store_errors(), writing_at_once(self._engine) as driver:
            return decision_table.insert_in_sqlite(driver, decisions)


def _ts_of_interest(place: int, since: datetime) -> sql.Select[Any]:
    """Return the query for when the interest in this place, the latest is 1, was shown.

    By index, type by type: a store may hold many millions.
    """
    latest = [
        sql.select(EVENTS.c.ts)
        .where(EVENTS.c.event_type == kind, EVENTS.c.ts >= without_zone(since))
        .order_by(EVENTS.c.ts.desc())
        .limit(place)
        .subquery()
        for kind in INTEREST_TYPES
    ]
    times = sql.union_all(*(sql.select(each.c.ts) for each in latest)).subquery()
    return sql.select(times.c.ts).order_by(times.c.ts.desc()).offset(place - 1).limit(1)


def _event(row: Mapping[Any, Any]) -> Event:
    return Event.model_validate({**row, C.TS: row[C.TS].replace(tzinfo=UTC)})
