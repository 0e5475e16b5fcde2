"""Scores made since the bundle, in the store: who is to be scored again, and what came of it.

The journal numbers groups of events in the order in which they became durable; a mark says up to
which of them customers were scored. Scores are groups of the journal themselves: so every worker
reads them as it reads events, before its next answer.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sql

from features.vocabulary import Columns as C
from models.bundle.erasure import customer_hash
from serving.customers.rescored import Rescored
from serving.storage.batches import batches
from serving.storage.journal import take_turn
from serving.storage.store import RescoringState
from serving.storage.store_tables import ERASED, EVENTS, JOURNAL, RESCORED, RESCORING
from serving.storage.times import without_zone

COUNTED_EVENTS: Final = ("purchase", "return", "view", "search", "cart_add", "survey")
"""Events that a shop's tables hold too, and scores count; the others are about answers."""

_MOST_EVENTS: Final = 5_000


@dataclass(frozen=True)
class Mark:
    """How far rescoring with the models of a bundle has come.

    Parameters
    ----------
    last_sequence
        Number of the last group of events that scores count.
    seen_at
        When the rescoring process was last at work, with its zone.
    """

    model_version: str
    last_sequence: int
    seen_at: datetime


@dataclass(frozen=True)
class Touched:
    """Customers with events after a mark.

    Parameters
    ----------
    last_sequence
        Number of the last group that was looked at.
    since
        When the first of these events was received, with its zone; None without any.
    more
        Whether later groups are left for the next time.
    """

    customer_ids: Sequence[str]
    last_sequence: int
    since: datetime | None
    more: bool


class ScoreStore:
    """Scores made since the bundle, in a database.

    Parameters
    ----------
    connected
        Yields a connection in a transaction that is committed, thus durable, at the end.
    """

    def __init__(self, connected: Callable[[], AbstractContextManager[sql.Connection]]) -> None:
        self._connected = connected

    def mark(self) -> Mark | None:
        """Return the latest mark; None where rescoring never ran."""
        latest = sql.select(RESCORING).order_by(RESCORING.c.seen_at.desc()).limit(1)
        with self._connected() as connection:
            return _mark(connection.execute(latest).first())

    def begin(
        self, model_version: str, since: datetime, received_after: datetime, at: datetime
    ) -> Mark:
        """Return the mark of a bundle; made where there is none, and what others made is dropped.

        A new mark is set before the first event that is dated ``since`` or was received after
        ``received_after``: what was known when the bundle was made is in its scores.
        """
        with self._connected() as connection:
            take_turn(connection)
            ours = RESCORING.c.model_version == model_version
            found = _mark(connection.execute(sql.select(RESCORING).where(ours)).first())
            if found is not None:
                return found
            connection.execute(sql.delete(RESCORING))
            others = RESCORED.c.model_version != model_version
            connection.execute(sql.delete(RESCORED).where(others))
            first = sql.select(sql.func.min(JOURNAL.c.sequence)).join_from(JOURNAL, EVENTS, _SAME)
            first = first.where(_not_in_tables(since, received_after))
            last = connection.scalar(sql.select(sql.func.max(JOURNAL.c.sequence))) or 0
            before = connection.scalar(first)
            mark = Mark(model_version, last if before is None else before - 1, at)
            row = asdict(mark) | {"seen_at": without_zone(at)}
            connection.execute(sql.insert(RESCORING), row)
            return mark

    def touched(self, last_sequence: int, most_events: int = _MOST_EVENTS) -> Touched:
        """Return the customers of the next groups of events after one.

        Parameters
        ----------
        most_events
            As many are looked at, and the rest of the last one's group.
        """
        sent = _sent_after(last_sequence)
        with self._connected() as connection:
            # First how far, then what there is: whatever comes in between is left for next time.
            last = connection.scalar(sql.select(sql.func.max(JOURNAL.c.sequence))) or last_sequence
            cut = connection.execute(sent.offset(most_events - 1).limit(1)).first()
            upto = last if cut is None else min(cut.sequence, last)
            rows = connection.execute(sent.where(JOURNAL.c.sequence <= upto)).all()
        customers = dict.fromkeys(row.customer_id for row in rows)
        since = min((row.received_at for row in rows), default=None)
        return Touched(list(customers), upto, None if since is None else _aware(since), upto < last)

    def state(self) -> RescoringState | None:
        """Return how far rescoring has come; None where it never ran."""
        mark = self.mark()
        if mark is None:
            return None
        with self._connected() as connection:
            first = connection.execute(_sent_after(mark.last_sequence).limit(1)).first()
        since = None if first is None else _aware(first.received_at)
        return RescoringState(mark.model_version, mark.seen_at, since)

    def events_of(
        self, customer_ids: Iterable[str], since: datetime, received_after: datetime
    ) -> list[Mapping[str, Any]]:
        """Return customers' counted events dated since then or received after, oldest first.

        Times are UTC without a zone; the columns are those of the table ``events``.
        """
        found: list[Mapping[str, Any]] = []
        with self._connected() as connection:
            for some in batches(customer_ids):
                wanted = sql.select(EVENTS).where(
                    EVENTS.c.customer_id.in_(some),
                    EVENTS.c.event_type.in_(COUNTED_EVENTS),
                    _not_in_tables(since, received_after),
                )
                found += [dict(row) for row in connection.execute(wanted).mappings()]
        return sorted(found, key=lambda row: (row[C.TS], row[C.EVENT_ID]))

    def keep(
        self, rescored: Sequence[Rescored], mark: Mark, last_sequence: int, at: datetime
    ) -> bool:
        """Write scores and move the mark, both or neither; other workers read it in the journal.

        Returns
        -------
        False where the mark was moved meanwhile: another process rescores, and nothing is written.
        """
        with self._connected() as connection:
            take_turn(connection)
            ours = RESCORING.c.model_version == mark.model_version
            moved = sql.update(RESCORING).where(
                ours, RESCORING.c.last_sequence == mark.last_sequence
            )
            moved = moved.values(last_sequence=last_sequence, seen_at=without_zone(at))
            if connection.execute(moved).rowcount == 0:
                return False
            # Customers may have been erased while their scores were made.
            hashes = {customer_hash(each.customer_id): each for each in rescored}
            for some in batches(hashes):
                gone = sql.select(ERASED.c.customer_hash).where(ERASED.c.customer_hash.in_(some))
                for erased in connection.scalars(gone).all():
                    del hashes[erased]
            _write(connection, list(hashes.values()))
        return True

    def seen(self, mark: Mark, at: datetime) -> None:
        """Note that the rescoring process is alive, though there is nothing to do."""
        ours = RESCORING.c.model_version == mark.model_version
        with self._connected() as connection:
            connection.execute(sql.update(RESCORING).where(ours).values(seen_at=without_zone(at)))

    def made_with(self, model_version: str, most: int) -> list[Rescored]:
        """Return scores made by a bundle's models, oldest first; of many the latest."""
        latest = (
            sql.select(RESCORED)
            .where(RESCORED.c.model_version == model_version)
            .order_by(RESCORED.c.scored_at.desc(), RESCORED.c.customer_id)
            .limit(most)
        )
        with self._connected() as connection:
            return [_rescored(row) for row in connection.execute(latest).mappings()][::-1]


def rescored_in(connection: sql.Connection, batch_ids: Iterable[str]) -> Iterator[Rescored]:
    """Yield the scores of some groups of the journal."""
    wanted = sql.select(RESCORED).where(RESCORED.c.batch_id.in_(batch_ids))
    for row in connection.execute(wanted).mappings():
        yield _rescored(row)


def _write(connection: sql.Connection, rescored: Sequence[Rescored]) -> None:
    """Put customers' scores in place of earlier ones, as one group of the journal."""
    if not rescored:
        return
    batch_id = uuid.uuid4().hex
    for some in batches(rescored):
        ids = [each.customer_id for each in some]
        connection.execute(sql.delete(RESCORED).where(RESCORED.c.customer_id.in_(ids)))
        rows = [asdict(each) | {"scored_at": without_zone(each.scored_at)} for each in some]
        connection.execute(sql.insert(RESCORED), [row | {"batch_id": batch_id} for row in rows])
    connection.execute(sql.insert(JOURNAL), {"batch_id": batch_id})


_SAME: Final = EVENTS.c.batch_id == JOURNAL.c.batch_id


def _sent_after(last_sequence: int) -> sql.Select[Any]:
    columns = (JOURNAL.c.sequence, EVENTS.c.customer_id, EVENTS.c.received_at)
    return (
        sql.select(*columns)
        .join_from(JOURNAL, EVENTS, _SAME)
        .where(
            JOURNAL.c.sequence > last_sequence,
            EVENTS.c.customer_id.is_not(None),
            EVENTS.c.event_type.in_(COUNTED_EVENTS),
        )
        .order_by(JOURNAL.c.sequence)
    )


def _not_in_tables(since: datetime, received_after: datetime) -> sql.ColumnElement[bool]:
    return (EVENTS.c.ts >= without_zone(since)) | (
        EVENTS.c.received_at > without_zone(received_after)
    )


def _mark(row: Any) -> Mark | None:
    return None if row is None else Mark(row.model_version, row.last_sequence, _aware(row.seen_at))


def _rescored(row: Mapping[Any, Any]) -> Rescored:
    values = {name: value for name, value in row.items() if name != "batch_id"}
    return Rescored(**values | {"scored_at": _aware(row["scored_at"])})


def _aware(ts: datetime) -> datetime:
    return ts.replace(tzinfo=UTC)
