"""What of the stored events a server reads when it starts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from serving.events import Event
from serving.storage.sql_store import SqlStore

NOW = datetime(2026, 6, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlStore]:
    url = f"sqlite:///{tmp_path / 'events.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_store_url")
    opened = SqlStore(url)
    yield opened
    opened.close()


def event(event_id: str, kind: str = "reject", ts: datetime = NOW) -> Event:
    said = {"event_id": event_id, "type": kind, "ts": ts, "customer_id": "ada"}
    return Event.model_validate(said | {"query" if kind == "search" else "product_id": "p"})


def test_shopper_events_are_rejects_recent_purchases_and_late_visits(
    store: SqlStore,
) -> None:
    old = NOW - timedelta(days=400)
    later = event("0", "purchase", old)
    anonymous = {"customer_id": None, "session_id": "s"}
    sent = [
        event("1", "reject", old),
        event("2", "purchase", old),
        event("3", "purchase", NOW),
        event("4", "view", NOW - timedelta(days=3)),
        event("5", "view", NOW - timedelta(days=1)),
        event("6", "return", NOW),
        event("7", "view", NOW - timedelta(days=2)),
        event("8", ts=NOW - timedelta(days=3)).model_copy(update=anonymous),
        event("9", ts=NOW - timedelta(days=1)).model_copy(update=anonymous),
    ]
    store.add_events(sent, NOW)
    store.add_events([later], NOW + timedelta(seconds=1))
    found = store.shopper_events(NOW, NOW, visits_since=NOW - timedelta(days=2))
    assert list(found) == [later, sent[0], sent[6], sent[4], sent[8], sent[2]]


def test_of_many_interests_the_latest_are_read_whatever_their_type(store: SqlStore) -> None:
    kinds = ("view", "search", "view", "cart_add", "view", "view")
    interests = [event(f"{k}", kind, NOW - k * HOUR) for k, kind in enumerate(kinds)]
    others = [event("old", "reject", NOW - 9 * HOUR), event("bought", "purchase", NOW - 8 * HOUR)]
    store.add_events([*interests, *others], NOW)

    def read(most_interests: int | None) -> list[Event]:
        days_ago = NOW - timedelta(days=1)
        return list(store.shopper_events(days_ago, NOW, days_ago, most_interests))

    for most in range(1, 6):
        assert read(most) == [*others, *interests[:most][::-1]]
    for enough in (6, 7, 100, None):
        assert read(enough) == [*others, *interests[::-1]]


def test_interests_of_one_moment_are_read_together_and_none_of_before_the_visits(
    store: SqlStore,
) -> None:
    together = [event(f"{k}", "view", NOW - HOUR) for k in range(3)]
    store.add_events([event("late", "view"), *together, event("old", "view", NOW - 5 * HOUR)], NOW)

    def read(most_interests: int) -> list[str]:
        found = store.shopper_events(NOW, NOW, NOW - 4 * HOUR, most_interests)
        return [each.event_id for each in found]

    assert read(1) == ["late"]
    assert read(2) == read(4) == read(5) == read(6) == ["0", "1", "2", "late"]
