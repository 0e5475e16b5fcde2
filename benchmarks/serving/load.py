"""A closed loop of requests over keep-alive connections: what a server can take, and how evenly.

Each connection sends its next request as soon as the last was answered. Requests are written
beforehand, and of an answer only the status and the length are read: the generator must not be
what is measured.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from typing import Final, cast

import numpy as np
import uvloop

from benchmarks.serving.http1 import answer_end, succeeded

CONNECTIONS: Final = 16
# Whoever has not answered by then counts as an error.
_PATIENCE_SECONDS: Final = 30.0
_ONCE_THROUGH_SECONDS: Final = 600.0


@dataclass(frozen=True)
class Load:
    """What one run measured; latencies in milliseconds, and the generator's own CPU time."""

    requests_per_second: float
    p50_ms: float
    p99_ms: float
    errors: int
    requests: int = 0
    cpu_seconds: float = 0.0


def load(
    port: int,
    requests: Sequence[bytes],
    *,
    connections: int = CONNECTIONS,
    seconds: float | None = 5.0,
) -> Load:
    """Load a server on this machine from a process of its own; without ``seconds`` once through."""
    receiving, sending = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(
        target=_run, args=(sending, port, list(requests), connections, seconds)
    )
    process.start()
    sending.close()
    measured: Load = receiving.recv()
    process.join()
    return measured


class _Client(asyncio.Protocol):
    """One connection: sends, waits for the whole answer, notes how long it took."""

    def __init__(
        self, requests: Sequence[bytes], first: int, step: int, until: float | None
    ) -> None:
        self._requests, self._next, self._step = requests, first, step
        self._until = until
        self._received = b""
        self._waiting = False
        self.taken: list[float] = []
        self.failed = 0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's own transports are of no common class.
        self._transport = cast(asyncio.Transport, transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if answer_end(self._received) is None:
            return
        now = time.perf_counter()
        self._waiting = False
        self.taken.append(now - self._began)
        self.failed += not succeeded(self._received)
        self._received = b""
        if self._is_over(now):
            self._transport.close()
        else:
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)

    @property
    def errors(self) -> int:
        """Answers that were refusals, and the request that was left without one."""
        return self.failed + self._waiting

    def _is_over(self, now: float) -> bool:
        return self._next >= len(self._requests) if self._until is None else now >= self._until

    def _send(self) -> None:
        self._began = time.perf_counter()
        self._waiting = True
        self._transport.write(self._requests[self._next % len(self._requests)])
        self._next += self._step


def _run(
    sending: Connection, port: int, requests: list[bytes], connections: int, seconds: float | None
) -> None:
    sending.send(uvloop.run(_measure(port, requests, connections, seconds)))


async def _measure(
    port: int, requests: list[bytes], connections: int, seconds: float | None
) -> Load:
    loop = asyncio.get_running_loop()
    began, cpu_before = time.perf_counter(), time.process_time()
    until = None if seconds is None else began + seconds
    clients: list[_Client] = []
    for number in range(min(connections, len(requests)) if seconds is None else connections):
        made = partial(_Client, requests, number, connections, until)
        _, client = await loop.create_connection(made, "127.0.0.1", port)
        clients.append(client)
    patience = _PATIENCE_SECONDS + (_ONCE_THROUGH_SECONDS if seconds is None else seconds)
    await asyncio.wait([each.done for each in clients], timeout=patience)
    elapsed, cpu = time.perf_counter() - began, time.process_time() - cpu_before
    taken = np.array([took for client in clients for took in client.taken])
    errors = sum(client.errors for client in clients)
    if not len(taken):
        return Load(0.0, float("inf"), float("inf"), errors)
    p50, p99 = np.percentile(taken, [50, 99]) * 1_000
    return Load(len(taken) / elapsed, float(p50), float(p99), errors, len(taken), cpu)
