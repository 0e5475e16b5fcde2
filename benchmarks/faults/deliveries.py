"""Storefronts that send events while things break, and the account of what became of each.

Every connection sends one event after the other, each again with the same id until it is
acknowledged: what a careful client does.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from typing import Final

import orjson

from benchmarks.faults.beside import running_beside
from benchmarks.serving.http1 import answer_end, body_of, post, status_of

_CONNECTIONS: Final = 8
_PAUSE_SECONDS: Final = 0.1
# As long as a storefront waits before it tries again.
_PATIENCE_SECONDS: Final = 20.0


@dataclass
class Deliveries:
    """What was sent to the server on a port, and what it said.

    Attributes
    ----------
    acknowledged
        Id -> how many answers called it accepted or a duplicate.
    accepted
        Id -> how many answers called it accepted, thus new.
    broken, refused
        Attempts that ended without an answer, and those that were answered with an error.
    """

    port: int
    customers: int
    products: int
    acknowledged: Counter[str] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)
    broken: int = 0
    refused: int = 0
    last_at: float = 0.0

    def sending(self) -> AbstractContextManager[None]:
        """Send from a thread of its own; requests in progress at the end are waited for."""
        return running_beside(lambda ending: asyncio.run(self._send_all(ending)))

    def wait_for_more(self, seconds: float = 120.0) -> float:
        """Wait until one more event is acknowledged; return how many seconds that took."""
        began, before = time.monotonic(), len(self.acknowledged)
        while len(self.acknowledged) == before:
            assert time.monotonic() - began < seconds, "no event is acknowledged any more"
            time.sleep(0.01)
        return time.monotonic() - began

    def lost(self, stored: Iterable[str]) -> int:
        """Return how many acknowledged events are not among the stored."""
        return len(self.acknowledged.keys() - set(stored))

    def doubled(self, stored: Iterable[str]) -> int:
        """Return how many events are stored twice, or were twice acknowledged as new."""
        rows = Counter(stored)
        twice_new = sum(times > 1 for times in self.accepted.values())
        return twice_new + sum(times > 1 for times in rows.values())

    async def _send_all(self, ending: threading.Event) -> None:
        await asyncio.gather(*(self._send(number, ending) for number in range(_CONNECTIONS)))

    async def _send(self, sender: int, ending: threading.Event) -> None:
        connection: _Connection | None = None
        for number in itertools.count():
            if ending.is_set():
                break
            # Rejects and purchases: those that answers count.
            event = {
                "event_id": f"s{sender}-{number}",
                "type": "purchase" if number % 2 else "reject",
                "customer_id": f"C{number % self.customers:08d}",
                "product_id": f"P{(number * 7 + sender) % self.products:06d}",
            }
            request = post("/v1/events", {"events": [event]})
            while event["event_id"] not in self.acknowledged and not ending.is_set():
                try:
                    connection = connection or await _Connection.open(self.port)
                    answer = await asyncio.wait_for(connection.exchange(request), _PATIENCE_SECONDS)
                except (OSError, EOFError, TimeoutError):
                    self.broken += 1
                    connection = None
                    await asyncio.sleep(_PAUSE_SECONDS)
                else:
                    await self._note(event["event_id"], answer)
        if connection is not None:
            connection.close()

    async def _note(self, event_id: str, answer: bytes) -> None:
        if status_of(answer) != 200:
            self.refused += 1
            await asyncio.sleep(_PAUSE_SECONDS)
            return
        receipt = orjson.loads(body_of(answer))
        self.accepted[event_id] += receipt["accepted"]
        # Last: whoever waits for one more may act at once.
        self.acknowledged[event_id] += 1


@dataclass(frozen=True)
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def open(cls, port: int) -> _Connection:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def exchange(self, request: bytes) -> bytes:
        """Send a request and return its whole answer; EOFError when the server leaves."""
        self.writer.write(request)
        received = b""
        while answer_end(received) is None:
            data = await self.reader.read(65_536)
            if not data:
                raise EOFError
            received += data
        return received

    def close(self) -> None:
        with suppress(OSError):
            self.writer.close()
