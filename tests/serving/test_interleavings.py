"""Interleavings: an event, an erasure or a new key arrives while something else is running."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from features.errors import SettingsError
from models.bundle.erasure import customer_hash
from serving.app import create_app
from serving.bundles import BundleFolder
from serving.customers.ordered_since import new_orders
from serving.events import Event
from serving.http.keys import create_key, load_keys, revoke_key
from serving.products.shoppers import Shopper, Shoppers
from serving.server import Server
from serving.storage.sql_store import SqlStore
from tests.in_process import running

PATIENCE_SECONDS = 20.0


@dataclass
class SlowToRead:
    """A store that reads shoppers' events only when it is let go on."""

    store: SqlStore
    begun: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    def shopper_events(self, *since: datetime) -> Iterator[Event]:
        events = list(self.store.shopper_events(*since))
        self.begun.set()
        assert self.go_on.wait(PATIENCE_SECONDS)
        return iter(events)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


@pytest.fixture
def slow(shop: Any) -> Iterator[SlowToRead]:
    opened = SlowToRead(SqlStore(shop.database_url))
    opened.go_on.set()
    yield opened
    opened.close()


def server_of(shop: Any, store: Any) -> Server:
    return Server(BundleFolder(shop.folder / "bundles"), store, None, shop.now, lambda: "id")


def rejected(event_id: str, product_id: str = "p3", customer_id: str = "ada") -> dict[str, Any]:
    said = {"event_id": event_id, "type": "reject", "product_id": product_id}
    return said | {"customer_id": customer_id}


async def reloading(server: Server, store: SlowToRead, meanwhile: Callable[[], Any]) -> Any:
    """Do something while the next bundle is being opened, after the store was read."""
    store.begun.clear()
    store.go_on.clear()
    reload = asyncio.create_task(server.reload())
    await asyncio.to_thread(store.begun.wait, PATIENCE_SECONDS)
    try:
        return await meanwhile()
    finally:
        store.go_on.set()
        await reload


def test_events_are_taken_while_a_bundle_is_opened_and_count_in_it(
    shop: Any, slow: SlowToRead
) -> None:
    server = server_of(shop, slow)
    shop.publish("v2")

    async def play() -> None:
        receipt = await reloading(server, slow, lambda: server.accept_events([rejected("e1")]))
        assert receipt.accepted == 1
        assert server.view.catalogue.manifest.version == "v2"
        assert await server.catch_up()
        assert server.view.shoppers.find("ada").dismissed_products == {"p3"}

    asyncio.run(play())


def test_a_bundle_that_cannot_be_opened_loses_no_event(shop: Any, slow: SlowToRead) -> None:
    server = server_of(shop, slow)

    async def fail_then_reload() -> None:
        slow.go_on.clear()
        failing = asyncio.create_task(server.reload())
        await server.accept_events([rejected("e1")])
        failing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await failing
        slow.go_on.set()
        assert server.view.shoppers.find("ada").dismissed_products == {"p3"}
        await server.accept_events([rejected("e2", "p1")])
        await server.reload()
        assert server.view.shoppers.find("ada").dismissed_products == {"p1", "p3"}

    asyncio.run(fail_then_reload())


def test_an_erasure_waits_for_a_bundle_that_is_being_opened(shop: Any, slow: SlowToRead) -> None:
    server = server_of(shop, slow)

    async def play() -> None:
        await server.accept_events([rejected("e1")])
        erasing: list[asyncio.Task[int]] = []

        async def begin_to_erase() -> None:
            erasing.append(asyncio.create_task(server.erase("ada")))
            await asyncio.sleep(0)

        await reloading(server, slow, begin_to_erase)
        await erasing[0]
        # Without asking the store: what was read before the erasure is not in the new view.
        assert server.view.shoppers.find("ada").is_blank
        assert server.view.catalogue.customers.position("ada") is None

    asyncio.run(play())


def test_what_a_customer_sends_after_the_erasure_outlives_the_bundle(shop: Any) -> None:
    """Nothing known of before is used; a product dismissed since stays dismissed."""
    with shop.open() as client:
        client.request("DELETE", "/v1/customers/ada")
        client.post("/v1/events", json={"events": [rejected("e1")]})

        def shown() -> str:
            answer = client.get("/v1/customers/ada/recommendations?n=8").json()
            assert answer["fallback"] == "new_customer"
            return str(answer["items"])

        assert "p3" not in shown()
        assert client.post("/v1/models/reload").status_code == 200
        assert "p3" not in shown()
    with shop.open() as client:
        answer = client.get("/v1/customers/ada/recommendations?n=8").json()
        assert answer["fallback"] == "new_customer"
        assert "p3" not in str(answer["items"])


def test_a_worker_that_hears_late_of_an_erasure_keeps_what_it_was_sent_since(shop: Any) -> None:
    one, other = (server_of(shop, SqlStore(shop.database_url)) for _ in range(2))

    async def play() -> None:
        await other.accept_events([rejected("e1", "p1")])
        assert await one.erase("ada") == 1
        await other.accept_events([rejected("e2", "p3")])
        assert await other.catch_up()
        assert other.view.shoppers.find("ada").dismissed_products == {"p3"}
        await one.catch_up()
        assert one.view.shoppers.find("ada").dismissed_products == {"p3"}

    asyncio.run(play())
    one.store.close()
    other.store.close()


@dataclass
class Asked:
    """A store that counts how often it is asked whether others wrote."""

    store: SqlStore
    times: int = 0
    afterwards: Callable[[], None] = lambda: None

    def version(self) -> int | None:
        self.times += 1
        version = self.store.version()
        self.afterwards()
        return version

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


@pytest.fixture
def two_workers(shop: Any) -> Iterator[tuple[Server, Asked, Server]]:
    """One worker with its store, and another beside it."""
    asked, beside = Asked(SqlStore(shop.database_url)), SqlStore(shop.database_url)
    yield server_of(shop, asked), asked, server_of(shop, beside)
    asked.close()
    beside.close()


def test_requests_that_came_together_ask_the_store_once(
    two_workers: tuple[Server, Asked, Server],
) -> None:
    one, asked, other = two_workers

    async def seen() -> set[str]:
        assert await one.catch_up()
        return set(one.view.shoppers.find("ada").dismissed_products)

    async def play() -> None:
        await seen()
        asked.times = 0
        assert await asyncio.gather(*(seen() for _ in range(16))) == [set()] * 16
        assert asked.times == 1
        # None of those that come later rests on that answer.
        await other.accept_events([rejected("e1")])
        assert await asyncio.gather(*(seen() for _ in range(16))) == [{"p3"}] * 16
        await other.accept_events([rejected("e2", "p1")])
        assert await seen() == {"p1", "p3"}

    asyncio.run(play())


def test_a_request_that_comes_while_the_store_is_asked_asks_again(
    two_workers: tuple[Server, Asked, Server],
) -> None:
    one, asked, _other = two_workers
    later: list[asyncio.Task[bool]] = []

    def come() -> None:
        if not later:
            later.append(asyncio.create_task(one.catch_up()))

    async def play() -> None:
        await one.catch_up()
        await asyncio.sleep(0)
        asked.times, asked.afterwards = 0, come
        assert await one.catch_up()
        assert await later[0]
        assert asked.times == 2

    asyncio.run(play())


def test_a_bundle_taken_over_in_between_is_brought_up_to_date(
    shop: Any, two_workers: tuple[Server, Asked, Server]
) -> None:
    one, asked, other = two_workers
    opened_before = server_of(shop, asked).view

    async def play() -> None:
        await other.accept_events([rejected("e1")])
        assert await one.catch_up()
        # Nothing is new: from now on the rest of the turn takes that for granted.
        assert await one.catch_up()
        one.view = opened_before
        assert await one.catch_up()
        assert one.view.shoppers.find("ada").dismissed_products == {"p3"}

    asyncio.run(play())


def test_shoppers_who_came_and_went_since_they_were_looked_for_are_forgotten_all_the_same() -> None:
    def viewed(event_id: str, customer_id: str, session_id: str) -> Event:
        said: dict[str, Any] = {"type": "view", "product_id": "p0"}
        return Event(
            event_id=event_id, ts=datetime(2026, 6, 2, tzinfo=UTC), customer_id=customer_id,
            session_id=session_id, **said,
        )  # fmt: skip

    shoppers = Shoppers([viewed("e1", "ada", "s1"), viewed("e2", "ben", "s2")])
    keys = shoppers.named({customer_hash("ada")})
    assert not shoppers.find("ada").is_blank, "to look for them changes nothing"
    shoppers.record(viewed("e3", "ada", "s1"))
    shoppers.forget([*keys, ("customer", "gone meanwhile")])
    assert shoppers.find("ada").is_blank
    assert shoppers.find(None, "s1").is_blank
    assert len(shoppers.find("ben").interests) == 1


def test_orders_are_counted_in_one_thread_while_another_adds_one() -> None:
    """The CSV is written in a thread; the loop records what arrives meanwhile."""
    shopper = Shopper()

    class Order(str):
        """An order that, when it is looked at, is followed by another one."""

        __slots__ = ()

        def __hash__(self) -> int:
            shopper.purchases.setdefault(f"p{len(shopper.purchases)}", {})
            shopper.purchases["p0"][f"o{len(shopper.purchases)}"] = 3
            return super().__hash__()

    shopper.purchases["p0"] = {"first": 1}
    shopper.purchases["p0"][Order("second")] = 2
    shopper.purchases["p1"] = {"third": 5}
    orders, last = new_orders(shopper)
    assert orders >= 3
    assert last == 5


def test_an_unreadable_row_degrades_answers_and_fails_none(
    shop: Any, slow: SlowToRead, caplog: pytest.LogCaptureFixture
) -> None:
    class Unreadable(SlowToRead):
        def version(self) -> int | None:
            return None

        def news(self, _group: int) -> Any:
            raise KeyError("ada")

    shop.store = Unreadable(slow.store)
    shop.store.go_on.set()
    with shop.open() as client:
        for _ in range(3):
            answer = client.get("/v1/customers/ada/recommendations")
            assert (answer.status_code, answer.headers["degraded"]) == (200, "store")
    messages = [record.getMessage() for record in caplog.records if record.name == "regulars.store"]
    assert len(messages) == 1
    assert "KeyError" in messages[0]


def test_a_key_that_is_revoked_or_made_counts_within_a_moment(shop: Any) -> None:
    path: Path = shop.folder / "keys.json"
    old = create_key(path, "old", ["retention"])
    app = create_app(
        BundleFolder(shop.folder / "bundles"),
        SqlStore(shop.database_url),
        load_keys(path),
        shop.now,
        read_keys=lambda: load_keys(path),
    )

    def until(client: Any, key: str, status: int) -> None:
        headers = {"authorization": f"Bearer {key}"}
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while client.get("/v1/churn?limit=1", headers=headers).status_code != status:
            assert time.monotonic() < give_up_at

    with running(app) as client:
        until(client, old, 200)
        new = create_key(path, "new", ["retention"])
        until(client, new, 200)
        revoke_key(path, "old")
        until(client, old, 401)
        until(client, new, 200)
        with pytest.raises(SettingsError, match="no key named 'old'"):
            revoke_key(path, "old")
