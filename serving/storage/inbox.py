"""Events on their way into the store: what arrives during one write is written by the next.

A commit that survives a power cut waits for the disk, a thousand events hardly longer than one:
under load every commit carries a group, and nobody waits for more than two.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from serving.events import Event
from serving.storage.store import Store, UnstorableError

_MOST: Final = 5_000


class _Waiting(NamedTuple):
    events: Sequence[Event]
    accepted: asyncio.Future[set[str]]


class Inbox:
    """Writes events in groups.

    Parameters
    ----------
    on_stored
        Called with each event that is durable, before its sender is told, in order; the flag
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
        self._writing: asyncio.Task[None] | None = None
        self.pause = asyncio.Lock()

    async def add(self, events: Sequence[Event]) -> set[str]:
        """Store events durably and return the ids of those that are new.

        Raises
        ------
        StoreError
            None of them was stored, as far as is known.
        """
        if not events:
            return set()
        accepted = asyncio.get_running_loop().create_future()
        waiting = _Waiting(events, accepted)
        self._waiting.append(waiting)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        try:
            # A sender that gives up must not stop the group.
            return await asyncio.shield(accepted)
        except asyncio.CancelledError:
            # Not begun yet: it need not be written, nor wait in a queue that only grows.
            self._waiting = [other for other in self._waiting if other is not waiting]
            # Begun already: nobody is there to be told how it ended.
            accepted.cancel()
            raise

    async def _write(self) -> None:
        while self._waiting:
            async with self.pause:
                group = self._next_group()
                await self._write_group(group)

    def _next_group(self) -> list[_Waiting]:
        """Take as many as one write may hold; a second delivery of an event waits for the next."""
        taken, size, seen = 0, 0, set[str]()
        for waiting in self._waiting:
            ids = {event.event_id for event in waiting.events}
            if taken and (size + len(ids) > _MOST or ids & seen):
                break
            taken, size = taken + 1, size + len(ids)
            seen |= ids
        group, self._waiting = self._waiting[:taken], self._waiting[taken:]
        return group

    async def _write_group(self, group: Sequence[_Waiting]) -> None:
        events = [event for waiting in group for event in waiting.events]
        try:
            new = await asyncio.to_thread(self._store.add_events, events, self._clock())
        except Exception as error:  # noqa: BLE001 - whatever it is, each sender must be told
            await self._tell_apart(group, error)
            return
        for waiting in group:
            for event in waiting.events:
                self._on_stored(event, event.event_id in new)
            if not waiting.accepted.done():
                waiting.accepted.set_result({e.event_id for e in waiting.events} & new)

    async def _tell_apart(self, group: Sequence[_Waiting], error: Exception) -> None:
        """Let one sender's unfit event fail alone."""
        if len(group) > 1 and isinstance(error, UnstorableError):
            for waiting in group:
                await self._write_group([waiting])
            return
        for waiting in group:
            if not waiting.accepted.done():
                waiting.accepted.set_exception(error)
