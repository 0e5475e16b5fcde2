"""A store that fails, hangs or comes back: answers go on, marked; events are refused, not lost."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from serving.events import Event
from serving.shared_call import SharedCall
from serving.storage.inbox import Inbox
from serving.storage.sql_store import SqlStore
from serving.storage.store import StoreError

ANSWERS = [
    ("GET", "/v1/customers/ada/recommendations", None),
    ("POST", "/v1/recommendations", {"customers": ["ada", "ben"]}),
    ("POST", "/v1/cross-sell", {"items": ["p0"]}),
    ("GET", "/v1/products/p0/cross-sell", None),
    ("POST", "/v1/next-best-offer", {"customer_id": "ada"}),
    ("GET", "/v1/customers/ada/next-best-offer", None),
    ("GET", "/v1/customers/ada", None),
    ("GET", "/v1/churn", None),
    ("GET", "/v1/models", None),
]
REJECT = {"event_id": "e1", "type": "reject", "customer_id": "ada", "product_id": "p3"}


class Ailing:
    """A real store on the far side of a network that fails, or never answers, when told to."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store
        self.fails = False
        self.answers = threading.Event()
        self.answers.set()

    def version(self) -> None:
        """Only asking tells: so it is over a network."""

    def __getattr__(self, name: str) -> Any:
        done = getattr(self._store, name)

        def call(*given: Any) -> Any:
            assert self.answers.wait(30)
            if self.fails and name != "close":
                raise StoreError("the line is cut", "Mend it.")
            return done(*given)

        return call


@pytest.fixture
def ailing(shop: Any) -> Iterator[Ailing]:
    shop.store = Ailing(SqlStore(shop.database_url))
    yield shop.store
    shop.store.answers.set()


def send(client: Any, **changes: Any) -> Any:
    return client.post("/v1/events", json={"events": [REJECT | changes]})


@pytest.mark.parametrize("how", ["fails", "hangs"])
def test_without_the_store_every_answer_comes_and_is_marked(
    shop: Any, ailing: Ailing, how: str
) -> None:
    with shop.open() as client:
        whole = [client.request(method, url, json=body) for method, url, body in ANSWERS]
        assert {response.status_code for response in whole} == {200}
        assert not any("degraded" in response.headers for response in whole)
        ailing.fails = how == "fails"
        if how == "hangs":
            ailing.answers.clear()
        for method, url, body in ANSWERS:
            response = client.request(method, url, json=body)
            assert response.status_code == 200, url
            assert response.headers["degraded"] == "store", url
        assert client.get("/health/live").status_code == 200
        refused = client.get("/health/ready")
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) > 0
        counted = f"regulars_stale_answers_total {len(ANSWERS)}.0"
        assert counted in client.get("/metrics").text
        ailing.fails = False
        ailing.answers.set()


def test_a_store_that_comes_back_is_believed_again(shop: Any, ailing: Ailing) -> None:
    url = "/v1/customers/ada/recommendations?n=1"
    with shop.open() as client:
        ailing.fails = True
        response = send(client)
        assert response.status_code == 503
        assert int(response.headers["retry-after"]) > 0
        assert client.get(url).json()["items"][0]["product_id"] == "p3", "refused: not counted"
        ailing.fails = False
        assert send(client).json()["accepted"] == 1
        response = client.get(url)
        assert "degraded" not in response.headers
        assert response.json()["items"][0]["product_id"] != "p3"
        assert client.get("/health/ready").status_code == 200


def test_an_idle_worker_reads_news_all_the_same(shop: Any) -> None:
    async def scene() -> bool:
        idle, other = shop.server(), SqlStore(shop.database_url)
        listening = asyncio.create_task(idle.listen(0.001))
        other.add_events([Event.model_validate(REJECT | {"ts": shop.now()})], shop.now())
        try:
            async with asyncio.timeout(5):
                while not idle.view.shoppers.find("ada").dismissed_products:
                    await asyncio.sleep(0.001)
        finally:
            listening.cancel()
            other.close()
            idle.store.close()
        return True

    assert asyncio.run(scene())


def test_a_receipt_of_events_waits_for_no_news(shop: Any, ailing: Ailing) -> None:
    with shop.open() as client:
        response = send(client)
        assert response.status_code == 200
        assert "degraded" not in response.headers
        ailing.answers.clear()
        threading.Timer(0.5, ailing.answers.set).start()
        # Nobody could hear of news meanwhile; the events themselves wait for the store.
        response = send(client, event_id="e2")
        assert response.json()["accepted"] == 1
        assert "degraded" not in response.headers


def test_what_was_decided_while_the_store_was_away_is_kept(shop: Any, ailing: Ailing) -> None:
    url = "/v1/customers/ada/recommendations?n=1"
    with shop.open() as client:
        ailing.fails = True
        made = [client.get(url).json()["recommendation_id"] for _ in range(3)]
        ailing.fails = False
    with SqlStore(shop.database_url)._engine.connect() as connection:
        kept = connection.exec_driver_sql("SELECT id FROM decisions").scalars().all()
    assert sorted(kept) == sorted(made)


def test_an_event_that_only_the_store_finds_unfit_is_not_to_be_sent_again(client: Any) -> None:
    body = '{"events": [{"type": "view", "customer_id": "a\\ud800", "product_id": "p0"}]}'
    response = client.post("/v1/events", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 422
    assert "retry-after" not in response.headers


class FakeCall:
    """Counts how often it is asked, and answers when it is let."""

    def __init__(self) -> None:
        self.made = 0
        self.let = asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self) -> None:
        self.made += 1
        await self.let.wait()
        if self.error:
            raise self.error


def test_all_who_come_during_a_call_share_the_next_one() -> None:
    async def scene() -> None:
        call = FakeCall()
        shared = SharedCall(call, timeout_seconds=60)
        first = asyncio.create_task(shared.answered())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert call.made == 1
        others = [asyncio.create_task(shared.answered()) for _ in range(20)]
        await asyncio.sleep(0)
        call.let.set()
        assert await asyncio.gather(first, *others) == [True] * 21
        assert call.made == 2, "the first began before the others came"

    asyncio.run(scene())


def test_nobody_waits_for_a_call_that_hangs() -> None:
    async def scene() -> None:
        now = 0.0
        call = FakeCall()
        shared = SharedCall(call, timeout_seconds=0.01, seconds=lambda: now)
        assert await shared.answered() is False
        now = 1.0
        asked = [asyncio.create_task(shared.answered()) for _ in range(3)]
        await asyncio.sleep(0)
        assert [task.done() and task.result() for task in asked] == [False] * 3
        assert call.made == 1, "and it is not asked again beside itself"
        call.let.set()
        await asyncio.sleep(0.01)
        assert await shared.answered() is True

    asyncio.run(scene())


def test_a_failed_call_raises_and_the_next_one_is_made_anew() -> None:
    async def scene() -> None:
        call = FakeCall()
        call.let.set()
        call.error = StoreError("the line is cut", "Mend it.")
        shared = SharedCall(call, timeout_seconds=60)
        with pytest.raises(StoreError, match="the line is cut"):
            await shared.answered()
        call.error = None
        assert await shared.answered() is True

    asyncio.run(scene())


def test_events_whose_sender_gave_up_before_they_were_begun_are_not_written(shop: Any) -> None:
    async def scene() -> list[str]:
        remembered: list[str] = []
        store = SqlStore(shop.database_url)
        inbox = Inbox(store, shop.now, lambda event, _new: remembered.append(event.event_id))
        given_up, kept = (
            Event(event_id=name, type="view", ts=shop.now(), customer_id="ada", product_id="p0")
            for name in ("given up", "kept")
        )
        async with inbox.pause:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await inbox.add([given_up])
        assert await inbox.add([kept]) == {"kept"}
        store.close()
        return remembered

    assert asyncio.run(scene()) == ["kept"]
