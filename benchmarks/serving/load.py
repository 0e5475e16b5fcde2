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
from typing import cast

import numpy as np
import uvloop

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length:"


@dataclass(frozen=True)
class Load:
    """What one run measured; latencies in milliseconds."""

    requests_per_second: float
    p50_ms: float
    p99_ms: float
    errors: int


def get(path: str) -> bytes:
    """Write a GET request."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def post(path: str, body: bytes) -> bytes:
    """Write a POST request of JSON."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def load(
    port: int, requests: Sequence[bytes], *, connections: int = 16, seconds: float = 5.0
) -> Load:
    """Load a server on this machine from a process of its own."""
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

    def __init__(self, requests: Sequence[bytes], first: int, step: int) -> None:
        self._requests, self._next, self._step = requests, first, step
        self._received = b""
        self.taken: list[float] = []
        self.errors = 0
        self.done = asyncio.get_running_loop().create_future()
        self.until = float("inf")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's own transports are of no common class.
        self._transport = cast(asyncio.Transport, transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(_HEAD_END)
        if end < 0:
            return
        head = self._received[:end].lower()
        place = head.find(_LENGTH) + len(_LENGTH)
        size = int(head[place : head.find(b"\r", place) if b"\r" in head[place:] else len(head)])
        if len(self._received) < end + len(_HEAD_END) + size:
            return
        now = time.perf_counter()
        self.taken.append(now - self._began)
        self.errors += not self._received.startswith(b"HTTP/1.1 2")
        self._received = b""
        if now < self.until:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.errors += exc is not None
        if not self.done.done():
            self.done.set_result(None)

    def _send(self) -> None:
        self._began = time.perf_counter()
        self._transport.write(self._requests[self._next % len(self._requests)])
        self._next += self._step


def _run(
    sending: Connection, port: int, requests: list[bytes], connections: int, seconds: float
) -> None:
    sending.send(uvloop.run(_measure(port, requests, connections, seconds)))


async def _measure(port: int, requests: list[bytes], connections: int, seconds: float) -> Load:
    loop = asyncio.get_running_loop()
    clients: list[_Client] = []
    for number in range(connections):
        made = partial(_Client, requests, number, connections)
        _, client = await loop.create_connection(made, "127.0.0.1", port)
        client.until = time.perf_counter() + seconds
        clients.append(client)
    began = time.perf_counter()
    await asyncio.gather(*(client.done for client in clients))
    elapsed = time.perf_counter() - began
    taken = np.concatenate([np.array(client.taken) for client in clients])
    return Load(
        requests_per_second=len(taken) / elapsed,
        p50_ms=float(np.percentile(taken, 50) * 1_000),
        p99_ms=float(np.percentile(taken, 99) * 1_000),
        errors=sum(client.errors for client in clients),
    )
