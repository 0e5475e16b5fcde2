"""What is left of an erased customer in the store: not a byte, whoever is at work meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sql

from models.bundle.erasure import customer_hash
from serving.decisions.gates.contact_policy import Contact
from serving.decisions.gates.stops import Stop
from serving.decisions.offers import Offer, OfferBook
from serving.events import Event
from serving.storage.decision_table import insert_decisions
from serving.storage.erasure import hold_off_erasure
from serving.storage.event_table import insert_in_postgresql
from serving.storage.journal import take_turn
from serving.storage.sql_store import SqlStore
from serving.storage.store import Decision
from serving.storage.store_tables import CONTACTS, DECISIONS, ERASED_VISITS, EVENTS

NOW = datetime(2026, 6, 2, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ADA = "ada-5f1c09"
BOOK = OfferBook(offers=(Offer("tea", "Tea"),))


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        found: str = request.getfixturevalue("postgres_store_url")
        return found
    return f"sqlite:///{tmp_path / 'events.db'}"


@pytest.fixture
def store(url: str) -> Iterator[SqlStore]:
    opened = SqlStore(url)
    yield opened
    opened.close()


def event(event_id: str, customer_id: str | None, session_id: str | None = None) -> Event:
    said: dict[str, Any] = {"type": "search", "ts": NOW, "query": f"words of {customer_id}"}
    return Event(event_id=event_id, customer_id=customer_id, session_id=session_id, **said)


def decision(
    id_: str, customer_id: str | None, ts: datetime = NOW, session_id: str | None = None
) -> Decision:
    answer = f'{{"customer_id": "{customer_id}"}}' + " " * (len(id_) * 300 % 5_000)
    return Decision(
        id_, ts, "recommendations", customer_id, session_id, "v", "champion", None, answer,
        1.0, 1, f'{{"who": "{customer_id}"}}', "{}",
    )  # fmt: skip


def contact(id_: str, customer_id: str, ts: datetime = NOW) -> Contact:
    return Contact(id_, customer_id, "tea", "email", ts, "d")


def ids(store: SqlStore, column: Any) -> set[str]:
    return {next(iter(row.values())) for row in store.rows(sql.select(column))}


def test_no_file_holds_the_id_or_what_the_customer_sent(tmp_path: Path) -> None:
    """Deleted rows live on in free pages, in the write-ahead log and in indexes, if one lets them.

    Enough rows, of all lengths, for pages to split and move.
    """
    store = SqlStore(f"sqlite:///{tmp_path / 'events.db'}")
    for group in range(20):
        who = [ADA if place % 7 == group % 7 else f"c{place}" for place in range(60)]
        names = [f"{group}-{place}-" + "x" * (place % 17) for place in range(60)]
        store.add_events([event(*each) for each in zip(names, who, strict=True)], NOW)
        store.add_decisions([decision(*each) for each in zip(names, who, strict=True)])
    store.contacts.reserve([contact("k", ADA)], BOOK)
    assert any(ADA.encode() in path.read_bytes() for path in tmp_path.iterdir())
    store.erase(ADA, lambda: NOW)
    assert [p.name for p in tmp_path.iterdir() if ADA.encode() in p.read_bytes()] == []
    assert len(ids(store, EVENTS.c.event_id)) == len(ids(store, DECISIONS.c.id)) > 1_000
    store.close()


def test_an_erasure_does_not_wait_for_readers_and_the_next_one_leaves_no_trace(
    tmp_path: Path,
) -> None:
    store, other = (SqlStore(f"sqlite:///{tmp_path / 'events.db'}") for _ in range(2))
    store.add_events([event("e1", ADA), event("e2", "ben")], NOW)
    reading = other.rows(sql.select(EVENTS))
    assert next(reading)["customer_id"] == ADA
    assert store.erase(ADA, lambda: NOW) == 1
    assert store.add_events([event("e3", "ben")], NOW) == {"e3"}
    assert len(list(reading)) == 1
    store.erase("nobody", lambda: NOW)
    assert [p.name for p in tmp_path.iterdir() if ADA.encode() in p.read_bytes()] == []
    store.close()
    other.close()


def test_what_was_done_without_an_id_in_the_customers_visits_is_erased(store: SqlStore) -> None:
    store.add_events(
        [
            event("e1", ADA, "visit 1"),
            event("e2", None, "visit 1"),
            event("e3", "ben", "visit 1"),
            event("e4", None, "visit 2"),
            event("e5", None, "visit 3"),
        ],
        NOW,
    )
    store.add_decisions(
        [
            decision("d1", ADA, session_id="visit 2"),
            decision("d2", None, session_id="visit 2"),
            decision("d3", None, session_id="visit 3"),
            decision("d4", None),
        ]
    )
    assert store.erase(ADA, lambda: NOW) == 5
    assert ids(store, EVENTS.c.event_id) == {"e3", "e5"}
    assert ids(store, DECISIONS.c.id) == {"d3", "d4"}


def test_a_request_under_way_writes_nothing_after_the_erasure(store: SqlStore) -> None:
    store.erase(ADA, lambda: NOW)
    later = NOW + timedelta(hours=1)
    under_way = [contact("k1", ADA, NOW - SECOND), contact("k2", ADA, NOW + SECOND)]
    assert store.contacts.reserve(under_way, BOOK) == [Stop.NOBODY] * 2
    store.add_decisions([decision("d1", ADA, NOW - SECOND), decision("d2", ADA, NOW + SECOND)])
    assert ids(store, CONTACTS.c.contact_id) == ids(store, DECISIONS.c.id) == set()
    # Whoever comes back is welcome, and is forgotten once more on request.
    assert store.contacts.reserve([contact("k3", ADA, later)], BOOK) == [Stop.PASSED]
    assert store.erase(ADA, lambda: later) == 1
    store.add_decisions([decision("d3", ADA, later - SECOND)])
    assert store.contacts.reserve([contact("k4", ADA, later - SECOND)], BOOK) == [Stop.NOBODY]
    assert ids(store, CONTACTS.c.contact_id) == ids(store, DECISIONS.c.id) == set()
    assert store.erased() == {customer_hash(ADA)}


def test_a_request_under_way_in_the_customers_visit_leaves_nothing_either(store: SqlStore) -> None:
    store.add_events([event("e1", ADA, "visit 1")], NOW)
    store.erase(ADA, lambda: NOW)
    later = NOW + timedelta(hours=1)
    store.add_decisions(
        [
            decision("d1", None, NOW - SECOND, "visit 1"),
            decision("d2", None, NOW - SECOND, "visit 2"),
            decision("d3", None, later, "visit 1"),
            decision("d4", "ben", NOW - SECOND, "visit 1"),
            decision("d5", None, NOW - SECOND),
        ]
    )
    assert ids(store, DECISIONS.c.id) == {"d2", "d3", "d4", "d5"}


def test_which_visits_were_an_erased_customers_is_known_for_a_day(store: SqlStore) -> None:
    store.add_events([event("e1", ADA, "visit 1")], NOW)
    store.erase(ADA, lambda: NOW)
    day_after = NOW + timedelta(days=1)
    store.erase("nobody", lambda: day_after)
    assert ids(store, ERASED_VISITS.c.visit_hash) == {customer_hash("visit 1")}
    store.erase("nobody", lambda: day_after + SECOND)
    assert ids(store, ERASED_VISITS.c.visit_hash) == set()


@contextmanager
def while_erasing(
    store: SqlStore,
    url: str,
    lock: Callable[[sql.Connection], None],
    clock: Callable[[], datetime] = lambda: NOW,
) -> Iterator[sql.Connection]:
    """Yield a transaction that an erasure waits for already; it is over after the block."""
    engine = sql.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    erasing = threading.Thread(target=store.erase, args=(ADA, clock))
    with engine.begin() as writer:
        lock(writer)
        erasing.start()
        waits = sql.text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        while erasing.is_alive() and not writer.execute(waits).scalar():
            time.sleep(0.01)
        yield writer
    erasing.join()
    engine.dispose()


def test_a_decision_that_is_being_written_is_not_missed(postgres_store_url: str) -> None:
    """Neither transaction sees what the other has not committed: one must wait."""
    store = SqlStore(postgres_store_url)
    with while_erasing(store, postgres_store_url, hold_off_erasure) as writer:
        insert_decisions(writer, [decision("d1", ADA)])
    assert ids(store, DECISIONS.c.id) == set()
    store.close()


def test_what_is_written_in_a_visit_while_the_erasure_waits_goes_with_it(
    postgres_store_url: str,
) -> None:
    store = SqlStore(postgres_store_url)
    store.add_events([event("e1", ADA, "visit 1")], NOW)
    with while_erasing(store, postgres_store_url, take_turn) as writer:
        said = [event("e2", None, "visit 1"), event("e3", ADA, "visit 2")]
        said += [event("e4", None, "visit 2"), event("e5", None, "visit 3")]
        insert_in_postgresql(writer, said, NOW, "group")
    assert ids(store, EVENTS.c.event_id) == {"e5"}
    store.close()


def test_an_erasure_counts_from_its_end_however_long_it_waited(postgres_store_url: str) -> None:
    store, later = SqlStore(postgres_store_url), NOW + timedelta(hours=1)
    times = [NOW]
    with while_erasing(store, postgres_store_url, take_turn, lambda: times[-1]):
        times.append(later)
    store.add_decisions([decision("d1", ADA, later - SECOND)])
    assert ids(store, DECISIONS.c.id) == set()
    store.close()
