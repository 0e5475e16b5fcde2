"""Events on their way into the store: what arrives during one write is written by the next.

A commit that survives a power cut waits for the disk, a thousand events hardly longer than one:
under load every commit carries a group, and nobody waits for more than two.

Whoever was just answered is about to send again. Where the next write began at once it would
leave them out, and senders in a row would fall into two halves that wait for each other. So it
waits for them a moment, as PostgreSQL's ``commit_delay`` does, and for half as long as a write
takes, as its manual advises; so only where the disk is so slow that this pays.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from serving.events import Event
from serving.storage.store import Store, UnstorableError
from serving.time_limit import TimeLimit

_MOST: Final = 5_000

# The longest that events wait for the store before they are refused.
TIMEOUT_SECONDS: Final = 5.0

# What the next group may wait for those just answered, as a share of what the last write took.
_PATIENCE: Final = 0.5
# The least that a loop's timer can wait.
_TICK_SECONDS: Final = 0.001


class _Waiting(NamedTuple):
    events: Sequence[Event]
    accepted: asyncio.Future[set[str]]


class Inbox:
    """Writes events in groups.

    Parameters
    ----------
    on_stored
        Called with each event that is durable, before its sender is answered, in order; the flag
        says whether it is new.
    """

    def __init__(
        self,
        store: Store,
        clock: Callable[[], datetime],
        on_stored: Callable[[Event, bool], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._on_stored = on_stored
        self._waiting: list[_Waiting] = []
        self._limit = TimeLimit(TIMEOUT_SECONDS)
        self._writing: asyncio.Task[None] | None = None
        # Set when the next group is as large as it will be.
        self._gathered: asyncio.Future[None] | None = None
        self._expected = 0
        self.pause = asyncio.Lock()

    async def add(self, events: Sequence[Event]) -> set[str]:
        """Store events durably and return the ids of those that are new.

        Raises
        ------
        StoreError
            None of them was stored, as far as is known.
        TimeoutError
            The store did not answer in time; they may be stored or not.
        """
        if not events:
            return set()
        accepted: asyncio.Future[set[str]] = asyncio.get_running_loop().create_future()
        waiting = _Waiting(events, accepted)
        self._waiting.append(waiting)
        self._limit.watch(accepted)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        elif self._gathered is not None and len(self._waiting) >= self._expected:
            self._stop_gathering()
        try:
            # The group is written by a task of its own, which a sender that gives up cannot stop.
            return await accepted
        except (asyncio.CancelledError, TimeoutError):
            # Not begun yet: it need not be written, nor wait in a queue that only grows.
            self._waiting = [other for other in self._waiting if other is not waiting]
            raise

    async def _write(self) -> None:
        while self._waiting:
            async with self.pause:
                began = time.perf_counter()
                group = self._next_group()
                await self._write_group(group)
            seconds = (time.perf_counter() - began) * _PATIENCE
            if self._waiting and seconds >= _TICK_SECONDS:
                await self._gather(len(group), seconds)

    async def _gather(self, answered: int, seconds: float) -> None:
        """Wait until as many senders as were just answered have sent again, or for so long."""
        loop = asyncio.get_running_loop()
        self._expected = len(self._waiting) + answered
        self._gathered = loop.create_future()
        timer = loop.call_later(seconds, self._stop_gathering)
        try:
            await self._gathered
        finally:
            timer.cancel()
            self._gathered = None

    def _stop_gathering(self) -> None:
        if self._gathered is not None and not self._gathered.done():
            self._gathered.set_result(None)

    def _next_group(self) -> list[_Waiting]:
        """Take as many as one write may hold; a second delivery of an event waits for the next."""
        taken, seen = 0, set[str]()
        for waiting in self._waiting:
            ids = [event.event_id for event in waiting.events]
            if taken and (len(seen) + len(ids) > _MOST or not seen.isdisjoint(ids)):
                break
            taken += 1
            seen.update(ids)
        group, self._waiting = self._waiting[:taken], self._waiting[taken:]
        return group

    async def _write_group(self, group: Sequence[_Waiting]) -> None:
        events = [event for waiting in group for event in waiting.events]
        try:
            new = await asyncio.to_thread(self._store.add_events, events, self._clock())
        except Exception as error:  # noqa: BLE001 - whatever it is, each sender must be answered
            await self._tell_apart(group, error)
            return
        for waiting in group:
            try:
                for event in waiting.events:
                    self._on_stored(event, event.event_id in new)
            except Exception as error:  # noqa: BLE001 - nobody else is to wait for an answer
                await self._tell_apart([waiting], error)
            if not waiting.accepted.done():
                ids = {event.event_id for event in waiting.events}
                waiting.accepted.set_result(ids & new)

    async def _tell_apart(self, group: Sequence[_Waiting], error: Exception) -> None:
        """Let one sender's unfit event fail alone."""
        if len(group) > 1 and isinstance(error, UnstorableError):
            for waiting in group:
                await self._write_group([waiting])
            return
        for waiting in group:
            if not waiting.accepted.done():
                waiting.accepted.set_exception(error)
