"""Decisions are written after the answer is sent: no shopper waits for the log."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final

from serving.background import repeat
from serving.storage.store import Decision, Store, StoreError, UnstorableError

_LOG = logging.getLogger("regulars.decisions")
_BATCH: Final = 1_000
# What a decision takes beside its texts.
_OVERHEAD_BYTES: Final = 1_000
# Above the process's own: where all cores are busy, answers come first. No more, since answers
# wait for this thread while it runs Python.
_NICENESS: Final = 5


class DecisionLog:
    """Gathers decisions and stores them together.

    A decision is durable at most ``interval_seconds`` and two writes later; a crash loses those
    not yet written. While the store fails, up to ``capacity`` wait, of ``most_bytes`` in all, and
    the oldest are dropped.
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
        most_bytes: int = 256 * 1024 * 1024,
    ) -> None:
        self._store = store
        self._on_lost = on_lost
        self._interval_seconds = interval_seconds
        self._capacity = capacity
        self._most_bytes = most_bytes
        # Each with its size in bytes.
        self._waiting: deque[tuple[Decision, int]] = deque()
        self._bytes = 0
        self._flushing = asyncio.Lock()
        self._writer = ThreadPoolExecutor(1, "decisions", _give_way)
        self._failing = False

    def add(self, decision: Decision) -> None:
        """Take a decision to be stored soon."""
        size_bytes = _size(decision)
        self._waiting.append((decision, size_bytes))
        self._bytes += size_bytes
        while len(self._waiting) > self._capacity or self._bytes > self._most_bytes:
            self._take(1)
            self._on_lost(1)

    async def run(self) -> None:
        """Store what gathers, until cancelled."""
        await repeat("storing decisions", self.flush, self._interval_seconds)

    async def flush(self) -> bool:
        """Store all that waits, and what is on its way; False when the store failed.

        What comes meanwhile is left for the next time: it would be written in commits of a few.
        """
        async with self._flushing:
            return await self._flush(len(self._waiting))

    async def _flush(self, remaining: int) -> bool:
        size = _BATCH
        # Fewer wait than remain where room had to be made.
        while (count := min(size, remaining, len(self._waiting))) > 0:
            batch = self._take(count)
            try:
                made = [decision for decision, _ in batch]
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(self._writer, self._store.add_decisions, made)
            except UnstorableError as error:
                if len(batch) > 1:
                    # Halve until the unfit one is alone, so that no other is dropped with it.
                    self._put_back(batch)
                    size = len(batch) // 2
                    continue
                self._on_lost(1)
                _LOG.warning("a decision was given up: %s", error.problem)
            except StoreError as error:
                self._put_back(batch)
                if not self._failing:
                    # Once: it is tried again several times a second.
                    _LOG.warning("decisions wait: %s", error.problem)
                self._failing = True
                return False
            except BaseException:
                # The write may or may not happen; storing a decision twice changes nothing.
                self._put_back(batch)
                raise
            remaining -= count
            size, self._failing = _BATCH, False
        return True

    async def close(self) -> None:
        """Store all that waits, or give it up."""
        while (is_stored := await self.flush()) and self._waiting:
            pass
        if not is_stored:
            self._on_lost(len(self._waiting))
            self._take(len(self._waiting))
        self._writer.shutdown(wait=False)

    def _take(self, count: int) -> list[tuple[Decision, int]]:
        taken = [self._waiting.popleft() for _ in range(count)]
        self._bytes -= sum(size_bytes for _, size_bytes in taken)
        return taken

    def _put_back(self, taken: Sequence[tuple[Decision, int]]) -> None:
        self._waiting.extendleft(reversed(taken))
        self._bytes += sum(size_bytes for _, size_bytes in taken)


def _give_way() -> None:
    """Have this thread run less where cores are scarce; only Linux has priorities of threads."""
    if sys.platform == "linux":
        with suppress(OSError):
            niceness = min(os.nice(0) + _NICENESS, 19)
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)


def _size(decision: Decision) -> int:
    texts = len(decision.answer) + len(decision.context) + len(decision.choices or "")
    return _OVERHEAD_BYTES + texts
