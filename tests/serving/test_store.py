"""The store, without HTTP."""

from __future__ import annotations

import sqlite3
import stat
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path

import pytest
import sqlalchemy as sql

from models.bundle.erasure import customer_hash
from serving.events import Event
from serving.storage.journal import group_id, take_turn
from serving.storage.sql_store import SqlStore
from serving.storage.store import News, StoreError
from serving.storage.store_tables import EVENTS
from serving.storage.watch import Watch

NOW = datetime(2026, 6, 2, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = SqlStore(f"sqlite:///{tmp_path / 'events.db'}")
    yield opened
    opened.close()


def event(event_id: str, kind: str = "reject", ts: datetime = NOW) -> Event:
    return Event.model_validate(
        {"event_id": event_id, "type": kind, "ts": ts, "customer_id": "ada", "product_id": "p"}
    )


def test_stored_events_are_new_and_the_others_are_reported(store: SqlStore) -> None:
    assert store.add_events([event("a"), event("b")], NOW) == {"a", "b"}
    assert store.add_events([event("b"), event("c"), event("c")], NOW) == {"c"}
    assert store.add_events([], NOW) == set()


@pytest.mark.parametrize("count", [1, 4, 5, 99, 131, 256])
def test_any_number_of_events_is_stored_whole(store: SqlStore, count: int) -> None:
    sent = [event(f"e{number:03}") for number in range(count)]
    assert store.add_events(sent, NOW) == {each.event_id for each in sent}
    assert list(store.shopper_events(NOW, NOW, NOW)) == sent


def test_a_group_is_written_whole_or_not_at_all(store: SqlStore, tmp_path: Path) -> None:
    store.add_events([event("a")], NOW)
    with sqlite3.connect(tmp_path / "events.db") as connection:
        connection.execute("ALTER TABLE journal RENAME TO elsewhere")
        with pytest.raises(StoreError, match="event store failed"):
            store.add_events([event("b"), event("c")], NOW)
        connection.execute("ALTER TABLE elsewhere RENAME TO journal")
    connection.close()
    assert list(store.shopper_events(NOW, NOW, NOW)) == [event("a")]
    assert store.add_events([event("b"), event("c")], NOW) == {"b", "c"}


def test_senders_side_by_side_each_learn_what_was_new_of_theirs(store: SqlStore) -> None:
    everything = [event(f"e{number:02}") for number in range(40)]
    sent = [everything[first : first + 10] for first in range(0, 35, 5)]
    with ThreadPoolExecutor(len(sent)) as senders:
        new = list(senders.map(lambda group: store.add_events(group, NOW), sent))
    assert sorted(chain.from_iterable(new)) == [each.event_id for each in everything]
    assert store.latest_group() == sum(map(bool, new))


def test_groups_that_come_later_have_larger_ids() -> None:
    times = [NOW + timedelta(milliseconds=number) for number in range(100)]
    ids = [group_id(at) for at in times]
    assert ids == sorted(ids)
    assert group_id(NOW) != group_id(NOW)


def test_a_writer_is_alone_before_it_reads(store: SqlStore, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "events.db", timeout=0)
    with store._connected() as connection:
        take_turn(connection)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
    other.execute("BEGIN IMMEDIATE")
    other.close()


def test_a_file_with_pages_of_another_size_is_used_as_it_is(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "old.db") as connection:
        connection.execute("PRAGMA page_size=4096")
        connection.execute("CREATE TABLE something (id INTEGER)")
    connection.close()
    store = SqlStore(f"sqlite:///{tmp_path / 'old.db'}")
    assert store.add_events([event("a")], NOW) == {"a"}
    store.close()


def test_two_stores_on_one_file_read_each_others_events(store: SqlStore, tmp_path: Path) -> None:
    other = SqlStore(f"sqlite:///{tmp_path / 'events.db'}")
    before, group = other.version(), other.latest_group()
    assert other.version() == before
    store.add_events([event("a"), event("v", "view")], NOW)
    assert other.version() != before
    news = other.news(group)
    assert news.events == [event("a"), event("v", "view")]
    # Nothing new in it, so nothing to hear of.
    store.add_events([event("a")], NOW)
    assert other.news(news.latest_group) == News(news.latest_group, (), frozenset())
    hashed = customer_hash("ada")
    store.erase("ada", lambda: NOW)
    assert other.news(news.latest_group).erased == {hashed}
    other.close()


def test_a_store_does_not_read_back_what_it_wrote_itself(store: SqlStore, tmp_path: Path) -> None:
    other = SqlStore(f"sqlite:///{tmp_path / 'events.db'}")
    group = store.latest_group()
    assert store.only_own_since(group) == group
    for sent in ("a", "a", "a2"):
        store.add_events([event(sent)], NOW)
    latest = store.only_own_since(group)
    assert latest == store.latest_group() == group + 2
    assert store.only_own_since(group) is None, "what was passed over is forgotten"
    assert other.only_own_since(group) is None, "others must read it"
    assert [each.event_id for each in other.news(group).events] == ["a", "a2"]
    # Between what another wrote, this store's own groups are passed over.
    store.add_events([event("b")], NOW)
    other.add_events([event("c")], NOW)
    store.add_events([event("d")], NOW)
    assert store.only_own_since(latest) is None
    news = store.news(latest)
    assert [each.event_id for each in news.events] == ["c"]
    assert news.latest_group == group + 5
    assert store.only_own_since(news.latest_group) == news.latest_group
    other.close()


def test_news_come_in_the_order_in_which_they_happened(store: SqlStore, tmp_path: Path) -> None:
    other = SqlStore(f"sqlite:///{tmp_path / 'events.db'}")
    first, second = event("z", ts=NOW), event("a", ts=NOW + timedelta(minutes=1))
    at_once = event("b", ts=second.ts)
    store.add_events([at_once, second], NOW)
    store.add_events([first], NOW)
    assert other.news(0).events == [first, second, at_once]
    assert list(other.shopper_events(NOW, NOW, NOW)) == [first, second, at_once]
    other.close()


def test_what_a_store_failed_to_write_is_not_its_own(store: SqlStore) -> None:
    # A commit whose answer never came may be there all the same: then it must be read.
    watch = Watch(store._engine)

    def write(batch_id: str, error: Exception | None) -> None:
        with watch.writing(batch_id):
            if error is not None:
                raise error

    write("whole", None)
    with pytest.raises(OSError, match="cut"):
        write("cut off", OSError("cut"))
    assert watch.of_others({"whole": 1, "cut off": 2}) == {"cut off": 2}


def test_every_field_is_kept_as_it_was_sent(store: SqlStore) -> None:
    sent = Event.model_validate(
        {
            "event_id": "e",
            "type": "survey",
            "ts": "2026-06-02T01:30:00.5+02:00",
            "customer_id": "änne",
            "session_id": "s",
            "product_id": "p",
            "offer_id": "o",
            "order_id": "r",
            "recommendation_id": "i",
            "decision_id": "d",
            "quantity": 2,
            "unit_price": 9.25,
            "query": "tea 'pot'",
            "survey": "nps",
            "score": 9.5,
        }
    )
    store.add_events([sent], NOW)
    (kept,) = store.rows(sql.select(EVENTS))
    said = {name: value for name, value in kept.items() if name not in ("received_at", "batch_id")}
    said["type"], said["ts"] = said.pop("event_type"), said["ts"].replace(tzinfo=UTC)
    assert said == sent.model_dump()
    assert kept["received_at"] == NOW.replace(tzinfo=None)


def test_two_stores_on_one_file_agree_on_what_is_new(store: SqlStore, tmp_path: Path) -> None:
    other = SqlStore(f"sqlite:///{tmp_path / 'events.db'}")
    assert store.add_events([event("a")], NOW) == {"a"}
    assert other.add_events([event("a"), event("b")], NOW) == {"b"}
    other.close()


def test_only_the_owner_may_read_the_database(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    for existed in (False, True):
        store = SqlStore(f"sqlite:///{path}")
        store.add_events([event(f"{existed}")], NOW)
        modes = {part.name: stat.S_IMODE(part.stat().st_mode) for part in tmp_path.iterdir()}
        assert modes == dict.fromkeys(("events.db", "events.db-wal", "events.db-shm"), 0o600)
        store.close()
        path.chmod(0o644)


@pytest.mark.parametrize(
    ("url", "files"),
    [
        ("sqlite://", []),
        ("sqlite:///:memory:", []),
        ("sqlite:///file:shop.db?uri=true", ["shop.db"]),
    ],
)
def test_no_file_is_made_beside_the_database(
    url: str, files: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    SqlStore(url).close()
    assert [path.name for path in tmp_path.iterdir()] == files


def test_sqlite_flushes_every_commit(store: SqlStore) -> None:
    # 2 is FULL: a commit returns when its bytes are on the disk.
    with store._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


def test_an_unusable_database_is_an_error_to_read(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="address is not usable"):
        SqlStore("nonsense")
    with pytest.raises(StoreError, match="event store failed"):
        SqlStore(f"sqlite:///{tmp_path / 'no such folder' / 'events.db'}")


def test_no_error_quotes_what_was_to_be_stored(store: SqlStore, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "events.db") as connection:
        connection.execute("DROP TABLE events")
    connection.close()
    with pytest.raises(StoreError) as refused:
        store.add_events([event("a")], NOW)
    told = "".join(traceback.format_exception(refused.value))
    assert "no such table" in told
    assert "ada" not in told
