"""What comes in between an erasure and the workers' hearing of it: old goes, new stays."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from models.bundle.folder import Bundle
from serving.bundles import BundleFolder
from serving.server import Server
from serving.storage.sql_store import SqlStore

PATIENCE_SECONDS = 20.0


@dataclass
class Held:
    """A store; one answer of it comes back only when it is let go on."""

    store: SqlStore
    method: str = ""
    begun: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    def hold(self, method: str) -> None:
        self.method = method
        self.begun.clear()
        self.go_on.clear()

    async def until_begun(self) -> None:
        assert await asyncio.to_thread(self.begun.wait, PATIENCE_SECONDS)

    def __getattr__(self, name: str) -> Any:
        asked = getattr(self.store, name)
        if name != self.method:
            return asked

        self.method = ""

        def answer_later(*values: Any) -> Any:
            answer = asked(*values)
            self.begun.set()
            assert self.go_on.wait(PATIENCE_SECONDS)
            return answer

        return answer_later


@dataclass(frozen=True)
class SlowBundles(BundleFolder):
    """Bundles of which one is read only when it is let go on."""

    begun: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    def load(self) -> Bundle:
        self.begun.set()
        assert self.go_on.wait(PATIENCE_SECONDS)
        return super().load()


@dataclass
class Worker:
    server: Server
    store: Held
    bundles: Path

    async def send(self, event_id: str, product_id: str, customer_id: str = "ada") -> None:
        event = {"event_id": event_id, "type": "reject", "product_id": product_id}
        await self.server.accept_events([event | {"customer_id": customer_id}])

    async def hear(self) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await self.server.catch_up():
                await asyncio.sleep(0.01)

    @property
    def dismissed(self) -> set[str]:
        return set(self.server.view.shoppers.find("ada").dismissed_products)


@pytest.fixture
def workers(shop: Any) -> Iterator[list[Worker]]:
    stores = [Held(SqlStore(shop.database_url)) for _ in range(2)]
    folder = shop.folder / "bundles"
    servers = [Server(BundleFolder(folder), s, None, shop.now, lambda: "id") for s in stores]
    yield [Worker(*parts, folder) for parts in zip(servers, stores, strict=True)]
    for store in stores:
        store.close()


def test_what_is_sent_while_a_worker_reads_of_the_erasure_counts(workers: list[Worker]) -> None:
    here, there = workers

    async def play() -> None:
        await here.send("e1", "p1")
        await there.server.erase("ada")
        here.store.hold("news")
        hearing = asyncio.create_task(here.hear())
        await here.store.until_begun()
        await here.send("e2", "p3")
        here.store.go_on.set()
        await hearing
        assert here.dismissed == {"p3"}

    asyncio.run(play())


def test_an_erasure_while_news_is_read_is_not_missed(workers: list[Worker]) -> None:
    here, there = workers

    async def play() -> None:
        await here.send("e1", "p1")
        await here.send("e2", "p1", "ben")
        await there.server.erase("ada")
        here.store.hold("news")
        hearing = asyncio.create_task(here.hear())
        await here.store.until_begun()
        await there.server.erase("ben")
        here.store.go_on.set()
        await hearing
        assert here.server.view.shoppers.find("ben").is_blank
        assert here.server.view.catalogue.customers.position("ben") is None

    asyncio.run(play())


def test_what_another_worker_is_sent_as_soon_as_rows_are_gone_counts(
    workers: list[Worker],
) -> None:
    here, there = workers

    async def play() -> None:
        await here.send("e1", "p1")
        here.store.hold("erase")
        erasing = asyncio.create_task(here.server.erase("ada"))
        await here.store.until_begun()
        await there.send("e2", "p3")
        await here.hear()
        here.store.go_on.set()
        assert await erasing == 1
        assert here.dismissed == {"p3"}

    asyncio.run(play())


def test_what_was_read_before_the_erasure_is_not_remembered_after_it(
    workers: list[Worker],
) -> None:
    here, there = workers

    async def play() -> None:
        await there.send("e1", "p1")
        here.store.hold("news")
        hearing = asyncio.create_task(here.hear())
        await here.store.until_begun()
        erasing = asyncio.create_task(here.server.erase("ada"))
        # It must not be over before; where it is, what was read comes after it.
        await asyncio.wait({erasing}, timeout=0.3)
        here.store.go_on.set()
        assert await erasing == 1
        await hearing
        assert here.dismissed == set()

    asyncio.run(play())


def test_what_was_stored_before_the_erasure_is_not_remembered_after_it(
    workers: list[Worker],
) -> None:
    here, there = workers

    async def play() -> None:
        here.store.hold("add_events")
        sending = asyncio.create_task(here.send("e1", "p1"))
        await here.store.until_begun()
        assert await there.server.erase("ada") == 1
        # The store answers, and says so in time or not: what it says of the erasure comes first.
        hearing = asyncio.create_task(here.hear())
        await asyncio.wait({hearing}, timeout=0.3)
        here.store.go_on.set()
        await sending
        await hearing
        assert here.dismissed == set()

    asyncio.run(play())


def test_what_came_before_the_erasure_is_not_remembered_in_the_next_bundle(
    workers: list[Worker],
) -> None:
    here, there = workers

    async def play() -> None:
        bundles = SlowBundles(here.bundles)
        here.server.bundle_source = bundles
        reloading = asyncio.create_task(here.server.reload())
        assert await asyncio.to_thread(bundles.begun.wait, PATIENCE_SECONDS)
        await here.send("e1", "p1")
        assert await there.server.erase("ada") == 1
        await here.send("e2", "p3")
        bundles.go_on.set()
        await reloading
        await here.hear()
        assert here.dismissed == {"p3"}

    asyncio.run(play())
