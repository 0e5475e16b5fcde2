"""Events are written in groups, and each sender hears of its own."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from serving.events import Event
from serving.storage.inbox import Inbox
from serving.storage.store import StoreError, UnstorableError

NOW = datetime(2026, 6, 2, 12, tzinfo=UTC)


def event(event_id: str) -> Event:
    return Event.model_validate(
        {"event_id": event_id, "type": "view", "ts": NOW, "customer_id": "a", "product_id": "p"}
    )


class SlowStore:
    """Writes one group at a time, when it is let; refuses the event ``bad``."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []
        self.may_write = threading.Event()
        self.well = True
        self.asked = 0

    def add_events(self, events: Sequence[Event], received_at: datetime) -> set[str]:
        assert received_at == NOW
        assert self.may_write.wait(5)
        ids = [each.event_id for each in events]
        self.asked += 1
        if not self.well:
            raise StoreError("the disk is full", "Make room.")
        if "bad" in ids:
            raise UnstorableError("unfit", "Send another.")
        known = {id_ for group in self.groups for id_ in group}
        self.groups.append(ids)
        return set(ids) - known


def scene(store: SlowStore, batches: Sequence[Sequence[str]]) -> tuple[list[Any], list[Any]]:
    """Send all batches at once, then let the store write; return the answers and what was told."""
    stored: list[tuple[str, bool]] = []

    async def play() -> list[Any]:
        inbox = Inbox(store, lambda: NOW, lambda each, new: stored.append((each.event_id, new)))  # type: ignore[arg-type]
        sent = [asyncio.create_task(inbox.add([event(id_) for id_ in batch])) for batch in batches]
        await asyncio.sleep(0.01)
        store.may_write.set()
        return await asyncio.gather(*sent, return_exceptions=True)

    return asyncio.run(play()), stored


def test_what_arrives_during_a_write_is_written_together_by_the_next() -> None:
    store = SlowStore()
    batches = [[f"e{number}"] for number in range(50)]
    answers, stored = scene(store, batches)
    assert answers == [set(batch) for batch in batches]
    assert len(store.groups) <= 2
    assert stored == [(f"e{number}", True) for number in range(50)]


def test_a_second_delivery_is_a_duplicate_even_within_one_write() -> None:
    store = SlowStore()
    answers, stored = scene(store, [["a"], ["b"], ["a", "c"], ["b"]])
    assert answers == [{"a"}, {"b"}, {"c"}, set()]
    assert sorted(stored) == [("a", False), ("a", True), ("b", False), ("b", True), ("c", True)]


def test_a_group_is_of_so_many_events_and_never_cuts_a_senders() -> None:
    store = SlowStore()
    counts = {"a": 3_000, "b": 3_000, "c": 2_000, "d": 6_000, "e": 1}
    batches = [[f"{name}{k}" for k in range(count)] for name, count in counts.items()]
    answers, _ = scene(store, batches)
    assert answers == [set(batch) for batch in batches]
    assert [len(group) for group in store.groups] == [3_000, 5_000, 6_000, 1]


def test_what_a_sender_gave_up_before_its_turn_is_not_written() -> None:
    store = SlowStore()

    async def play() -> None:
        inbox = Inbox(store, lambda: NOW, lambda _event, _new: None)  # type: ignore[arg-type]
        first = asyncio.create_task(inbox.add([event("a")]))
        for _ in range(2):  # the sender's turn, then the writer's
            await asyncio.sleep(0)
        gone, last = (asyncio.create_task(inbox.add([event(id_)])) for id_ in "bc")
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.wait({gone})
        store.may_write.set()
        assert (await first, await last) == ({"a"}, {"c"})

    asyncio.run(play())
    assert store.groups == [["a"], ["c"]]


def test_one_unfit_event_does_not_take_others_with_it() -> None:
    store = SlowStore()
    answers, stored = scene(store, [["a"], ["bad"], ["b"], ["c"]])
    assert [answers[place] for place in (0, 2, 3)] == [{"a"}, {"b"}, {"c"}]
    assert isinstance(answers[1], UnstorableError)
    assert [id_ for id_, _ in stored] == ["a", "b", "c"]


def test_when_the_store_fails_every_sender_gets_the_error_and_nothing_is_remembered() -> None:
    store = SlowStore()
    store.well = False
    answers, stored = scene(store, [["a"], ["b"]])
    assert all(isinstance(answer, StoreError) for answer in answers)
    assert stored == []
    assert store.asked == 1, "it would fail each of them alike"


def test_writing_goes_on_after_a_failure() -> None:
    async def play() -> set[str]:
        store = SlowStore()
        store.may_write.set()
        store.well = False
        inbox = Inbox(store, lambda: NOW, lambda _event, _new: None)  # type: ignore[arg-type]
        with pytest.raises(StoreError):
            await inbox.add([event("a")])
        store.well = True
        return await inbox.add([event("a")])

    assert asyncio.run(play()) == {"a"}


def test_a_fault_in_remembering_is_raised_to_its_sender_alone() -> None:
    store, remembered = SlowStore(), list[str]()

    def remember(each: Event, _new: bool) -> None:
        if each.event_id == "b":
            raise KeyError(each.event_id)
        remembered.append(each.event_id)

    async def play() -> list[Any]:
        inbox = Inbox(store, lambda: NOW, remember)  # type: ignore[arg-type]
        first = asyncio.create_task(inbox.add([event("a")]))
        await asyncio.sleep(0)
        rest = [asyncio.create_task(inbox.add([event(id_)])) for id_ in "bc"]
        await asyncio.sleep(0)
        store.may_write.set()
        async with asyncio.timeout(5):
            told = await asyncio.gather(first, *rest, return_exceptions=True)
            return [*told, await inbox.add([event("d")])]

    a, b, c, d = asyncio.run(play())
    assert (a, c, d) == ({"a"}, {"c"}, {"d"})
    assert isinstance(b, KeyError)
    assert remembered == ["a", "c", "d"]


class SlowDisk:
    """Takes so long for every group that waiting for senders pays."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def add_events(self, events: Sequence[Event], received_at: datetime) -> set[str]:
        assert received_at == NOW
        self.sizes.append(len(events))
        time.sleep(0.02)
        return {each.event_id for each in events}


def test_a_sender_just_answered_is_in_the_next_group_too() -> None:
    disk, rounds = SlowDisk(), 4

    async def play() -> None:
        inbox = Inbox(disk, lambda: NOW, lambda _event, _new: None)  # type: ignore[arg-type]

        async def sender(name: str) -> None:
            for turn in range(rounds):
                assert await inbox.add([event(f"{name}{turn}")]) == {f"{name}{turn}"}

        early = [asyncio.create_task(sender(name)) for name in "abcd"]
        while not disk.sizes:
            await asyncio.sleep(0.001)
        late = [asyncio.create_task(sender(name)) for name in "efgh"]
        await asyncio.gather(*early, *late)

    asyncio.run(play())
    # Not one half and then the other, which would be groups of four for ever.
    assert disk.sizes == [4, 8, 8, 8, 4]


def test_a_sender_that_gave_up_gets_no_answer_and_no_error_is_logged() -> None:
    store, unheard = SlowStore(), list[dict[str, Any]]()
    store.well = False

    async def play() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, said: unheard.append(said))
        inbox = Inbox(store, lambda: NOW, lambda _event, _new: None)  # type: ignore[arg-type]
        sent = asyncio.create_task(inbox.add([event("a")]))
        await asyncio.sleep(0.01)
        sent.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sent
        store.may_write.set()
        # The group ends before the next is written.
        with pytest.raises(StoreError):
            await inbox.add([event("b")])

    asyncio.run(play())
    gc.collect()
    assert unheard == []
