"""Decisions are written after the answer is sent: no shopper waits for the log."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Final

from serving.background import repeat
from serving.storage.store import Decision, Store, StoreError, UnstorableError

_LOG = logging.getLogger("regulars.decisions")
_BATCH: Final = 1_000


class DecisionLog:
    """Gathers decisions and stores them together.

    A decision is durable at most ``interval_seconds`` and one write later; a crash loses those
    not yet written. While the store fails, up to ``capacity`` wait and the oldest are dropped.
    A decision that can never be stored is dropped alone.

    Parameters
    ----------
    on_lost
        Called with the number of decisions that were dropped.
    """

    def __init__(
        self,
        store: Store,
        on_lost: Callable[[int], None],
        interval_seconds: float = 0.2,
        capacity: int = 100_000,
    ) -> None:
        self._store = store
        self._on_lost = on_lost
        self._interval_seconds = interval_seconds
        self._capacity = capacity
        self._waiting: deque[Decision] = deque()
        self._flushing = asyncio.Lock()
        self._failing = False

    def add(self, decision: Decision) -> None:
        """Take a decision to be stored soon."""
        if len(self._waiting) >= self._capacity:
            self._waiting.popleft()
            self._on_lost(1)
        self._waiting.append(decision)

    async def run(self) -> None:
        """Store what gathers, until cancelled."""
        await repeat("storing decisions", self.flush, self._interval_seconds)

    async def flush(self) -> bool:
        """Store all that waits, and what is on its way; False when the store failed."""
        async with self._flushing:
            return await self._flush()

    async def _flush(self) -> bool:
        size = _BATCH
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(size, len(self._waiting)))]
            try:
                await asyncio.to_thread(self._store.add_decisions, batch)
            except UnstorableError as error:
                if len(batch) > 1:
                    # Halve until the unfit one is alone, so that no other is dropped with it.
                    self._waiting.extendleft(reversed(batch))
                    size = len(batch) // 2
                    continue
                self._on_lost(1)
                _LOG.warning("a decision was given up: %s", error.problem)
            except StoreError as error:
                self._waiting.extendleft(reversed(batch))
                if not self._failing:
                    # Once: it is tried again several times a second.
                    _LOG.warning("decisions wait: %s", error.problem)
                self._failing = True
                return False
            except BaseException:
                # The write may or may not happen; storing a decision twice changes nothing.
                self._waiting.extendleft(reversed(batch))
                raise
            size, self._failing = _BATCH, False
        return True

    async def close(self) -> None:
        """Store all that waits, or give it up."""
        if not await self.flush():
            self._on_lost(len(self._waiting))
            self._waiting.clear()
