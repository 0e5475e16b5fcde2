"""Decisions are kept as they were answered, and no shopper waits for it."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import sys
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from serving.customers.rescored import Rescored
from serving.events import Event
from serving.storage.decision_log import DecisionLog
from serving.storage.sql_store import SqlStore
from serving.storage.store import AuditEntry, Decision, News, RescoringState, StoreError

NOW = datetime(2026, 6, 2, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = SqlStore(f"sqlite:///{tmp_path / 'events.db'}")
    yield opened
    opened.close()


def decision(number: int) -> Decision:
    return Decision(
        id=f"d{number:03}",
        ts=NOW,
        kind="recommendations",
        customer_id="ada",
        session_id=None,
        model_version="v1",
        variant="champion",
        fallback=None,
        answer='{"items": [{"product_id": "p3"}]}',
        propensity=1.0,
        candidates=5,
        context='{"scenario": "home"}',
    )


class FailingStore:
    """Takes decisions when it is well, and remembers them."""

    def __init__(self) -> None:
        self.well = True
        self.taken: list[str] = []

    def add_decisions(self, decisions: Sequence[Decision]) -> None:
        if not self.well:
            raise StoreError("the disk is full", "Make room.")
        self.taken += [made.id for made in decisions]

    def add_events(self, *_batch: object) -> set[str]:
        raise StoreError("the disk is full", "Make room.")

    def shopper_events(self, *_since: object) -> Iterator[Event]:
        return iter(())

    def latest_group(self) -> int:
        return 0

    def version(self) -> int | None:
        return None

    def rescored(self, *_bundle: object) -> list[Rescored]:
        return []

    def rescoring(self) -> RescoringState | None:
        return None

    def erase(self, *_customer: object) -> int:
        raise StoreError("the disk is full", "Make room.")

    def erased(self) -> set[str]:
        return set()

    def audit(self, _entry: AuditEntry) -> None:
        raise StoreError("the disk is full", "Make room.")

    def news(self, _heard: int) -> News:
        raise StoreError("the disk is full", "Make room.")

    def check(self) -> None:
        raise StoreError("the disk is full", "Make room.")

    def close(self) -> None:
        pass


def test_decisions_are_written_when_the_log_closes(store: SqlStore, tmp_path: Path) -> None:
    lost: list[int] = []
    log = DecisionLog(store, lost.append)
    for number in range(2_500):
        log.add(decision(number))
    asyncio.run(log.close())
    with sqlite3.connect(tmp_path / "events.db") as connection:
        rows = connection.execute("SELECT answer, propensity FROM decisions").fetchall()
    connection.close()
    assert len(rows) == 2_500
    assert json.loads(rows[0][0])["items"] == [{"product_id": "p3"}]
    assert rows[0][1] == 1.0
    assert lost == []


def test_decisions_are_written_while_the_log_runs() -> None:
    async def scene() -> list[str]:
        failing = FailingStore()
        log = DecisionLog(failing, lambda _lost: None, interval_seconds=0.001)
        running = asyncio.create_task(log.run())
        log.add(decision(1))
        async with asyncio.timeout(5):
            while not failing.taken:
                await asyncio.sleep(0.001)
        running.cancel()
        return failing.taken

    assert asyncio.run(scene()) == ["d001"]


def test_an_unexpected_fault_loses_no_decision_and_does_not_end_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class FaultyStore(FailingStore):
        """Fails once, and not as a store may."""

        faults = 1

        def add_decisions(self, decisions: Sequence[Decision]) -> None:
            if self.faults:
                self.faults -= 1
                raise MemoryError(decisions)
            super().add_decisions(decisions)

    async def scene() -> list[str]:
        faulty = FaultyStore()
        log = DecisionLog(faulty, lambda _lost: None, interval_seconds=0.001)
        log.add(decision(1))
        log.add(decision(2))
        running = asyncio.create_task(log.run())
        async with asyncio.timeout(5):
            while not faulty.taken:
                await asyncio.sleep(0.001)
        running.cancel()
        return faulty.taken

    assert asyncio.run(scene()) == ["d001", "d002"]
    (line,) = [record.getMessage() for record in caplog.records]
    assert "MemoryError" in line
    assert "d001" not in line


def test_what_comes_during_a_write_waits_for_others() -> None:
    """Written at once, decisions would be stored in commits of a few."""

    class BusyStore(FailingStore):
        """Is asked for another answer whenever it writes."""

        log: DecisionLog

        def add_decisions(self, decisions: Sequence[Decision]) -> None:
            super().add_decisions(decisions)
            self.log.add(decision(100 + len(self.taken)))

    busy = BusyStore()
    busy.log = DecisionLog(busy, lambda _lost: None)
    for number in range(3):
        busy.log.add(decision(number))
    assert asyncio.run(busy.log.flush()) is True
    assert busy.taken == ["d000", "d001", "d002"]
    assert asyncio.run(busy.log.flush()) is True
    assert busy.taken == ["d000", "d001", "d002", "d103"]


def test_decisions_wait_in_order_while_the_store_fails() -> None:
    failing = FailingStore()
    lost: list[int] = []
    log = DecisionLog(failing, lost.append, capacity=3)
    failing.well = False
    for number in range(4):
        log.add(decision(number))
    assert asyncio.run(log.flush()) is False
    assert lost == [1], "the oldest is given up when there is no room"
    failing.well = True
    assert asyncio.run(log.flush()) is True
    assert failing.taken == ["d001", "d002", "d003"]


@pytest.mark.parametrize(
    "unfit", [{"context": "\ud800"}, {"candidates": 10**30}, {"customer_id": "\ud800"}]
)
def test_a_decision_that_can_never_be_stored_is_lost_alone(
    store: SqlStore, tmp_path: Path, unfit: dict[str, Any]
) -> None:
    lost: list[int] = []
    log = DecisionLog(store, lost.append)
    for number in range(20):
        log.add(decision(number)._replace(**(unfit if number in (3, 11, 12) else {})))
    assert asyncio.run(log.flush()) is True
    assert lost == [1, 1, 1]
    with sqlite3.connect(tmp_path / "events.db") as connection:
        rows = connection.execute("SELECT id FROM decisions ORDER BY id").fetchall()
    connection.close()
    kept = [number for number in range(20) if number not in (3, 11, 12)]
    assert rows == [(f"d{number:03}",) for number in kept]


def test_integers_of_64_bits_are_kept(shop: Any) -> None:
    context = {"low": -(2**63), "high": 2**63 - 1}
    with shop.open() as client:
        assert client.post("/v1/recommendations", json={"context": context}).status_code == 200
    with sqlite3.connect(shop.folder / "events.db") as connection:
        ((kept,),) = connection.execute("SELECT context FROM decisions").fetchall()
    connection.close()
    assert json.loads(kept) == {"scenario": "home"} | context


def test_stopping_in_the_middle_of_a_write_loses_no_decision() -> None:
    writing, go_on = threading.Event(), threading.Event()

    class SlowStore(FailingStore):
        def add_decisions(self, decisions: Sequence[Decision]) -> None:
            writing.set()
            assert go_on.wait(5)
            super().add_decisions(decisions)

    async def scene() -> set[str]:
        slow = SlowStore()
        log = DecisionLog(slow, lambda _lost: None, interval_seconds=0.0)
        log.add(decision(1))
        running = asyncio.create_task(log.run())
        await asyncio.to_thread(writing.wait, 5)
        running.cancel()
        await asyncio.sleep(0.01)
        log.add(decision(2))
        go_on.set()
        await log.close()
        return set(slow.taken)

    assert asyncio.run(scene()) == {"d001", "d002"}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has priorities of threads")
def test_storing_decisions_gives_way_to_answering() -> None:
    def priority() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    class Noting(FailingStore):
        def add_decisions(self, decisions: Sequence[Decision]) -> None:
            noted.append(priority())
            super().add_decisions(decisions)

    noted: list[int] = []
    log = DecisionLog(Noting(), lambda _lost: None)
    log.add(decision(1))
    before = priority()
    assert asyncio.run(log.flush()) is True
    assert noted == [min(before + 5, 19)]
    assert priority() == before


@pytest.mark.parametrize("long", [{"answer": "x" * 20_000}, {"context": "x" * 20_000}])
def test_decisions_that_wait_take_a_bounded_part_of_the_memory(long: dict[str, str]) -> None:
    failing = FailingStore()
    failing.well = False
    lost: list[int] = []
    log = DecisionLog(failing, lost.append, most_bytes=100_000)
    for number in range(20):
        log.add(decision(number)._replace(**long))
        assert asyncio.run(log.flush()) is False
    assert len(lost) == 16
    failing.well = True
    assert asyncio.run(log.flush()) is True
    assert failing.taken == ["d016", "d017", "d018", "d019"]
    for number in range(20, 100):
        log.add(decision(number))
    assert asyncio.run(log.flush()) is True
    assert len(failing.taken) == 84, "what was written no longer counts"


def test_decisions_that_cannot_be_kept_are_counted() -> None:
    failing = FailingStore()
    failing.well = False
    lost: list[int] = []
    log = DecisionLog(failing, lost.append)
    log.add(decision(1))
    asyncio.run(log.close())
    assert lost == [1]


def test_every_decision_is_logged_as_it_was_answered(shop: Any) -> None:
    with shop.open() as client:
        recommended = client.get("/v1/customers/ada/recommendations?n=2&scenario=email").json()
        body = {"items": ["p0"], "n": 1, "session_id": "s1", "context": {"page": "cart"}}
        crossed = client.post("/v1/cross-sell", json=body).json()
        offer = {"customer_id": "nobody", "placements": ["banner"]}
        offered = client.post("/v1/next-best-offer", json=offer).json()
        batch = client.post("/v1/recommendations", json={"customers": ["ben", "ada"]}).json()
    with sqlite3.connect(shop.folder / "events.db") as connection:
        connection.row_factory = sqlite3.Row
        rows = {row["id"]: row for row in connection.execute("SELECT * FROM decisions")}
    connection.close()
    answered = [recommended["recommendation_id"], crossed["recommendation_id"]]
    answered += [offered["decision_id"], *(r["recommendation_id"] for r in batch["results"])]
    assert sorted(rows) == sorted(answered)
    first, second, third = (rows[id_] for id_ in answered[:3])
    assert first["kind"] == "recommendations"
    assert first["customer_id"] == "ada"
    assert (first["model_version"], first["variant"]) == ("v1", "champion")
    assert [item["product_id"] for item in json.loads(first["answer"])["items"]] == ["p3", "p0"]
    assert (first["propensity"], first["candidates"]) == (1.0, 5)
    assert json.loads(first["context"]) == {"scenario": "email"}
    assert (second["kind"], second["session_id"]) == ("cross_sell", "s1")
    assert json.loads(second["context"]) == {"page": "cart"}
    assert (third["kind"], third["fallback"]) == ("next_best_offer", "new_customer")
    assert json.loads(third["answer"]) == offered
    assert third["candidates"] == offered["considered"]


def test_a_failing_store_is_503_and_answers_go_on(shop: Any) -> None:
    shop.store = FailingStore()
    with shop.open() as client:
        event = {"type": "view", "customer_id": "ada", "product_id": "p1"}
        for response in (
            client.post("/v1/events", json={"events": [event]}),
            client.get("/health/ready"),
        ):
            assert response.status_code == 503
            assert response.headers["retry-after"] == "5"
            assert response.headers["content-type"] == "application/problem+json"
            assert "Make room." in response.json()["detail"]
        assert client.get("/health/live").status_code == 200
        assert client.get("/v1/customers/ada/recommendations").status_code == 200
