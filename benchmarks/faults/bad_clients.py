"""Clients that send slowly, and clients that send too much: what the others notice."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

import httpx

from benchmarks.faults.shop import Trial
from benchmarks.faults.stores import SqliteFile
from benchmarks.serving.http1 import get
from benchmarks.serving.load import load
from benchmarks.serving.processes import memory_mb, running, serve_ours
from benchmarks.table import Row

_SLOW: Final = 100
_SLOW_SECONDS: Final = 15.0
_MEGABYTES: Final = 64
_OTHERS: Final = [get(f"/v1/customers/C{number:08d}/recommendations") for number in range(100)]
_HEAD: Final = b"POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"


def rows(trial: Trial) -> list[Row]:
    """Try each kind of client beside orderly ones."""
    file = SqliteFile(trial.folder / "clients.db")
    with running(serve_ours, trial.bundles, file.url) as ours:
        calm = load(ours.port, _OTHERS, connections=4, seconds=3.0)
        with _slow_clients(ours.port) as cut:
            beside = load(ours.port, _OTHERS, connections=4, seconds=_SLOW_SECONDS)
        before = memory_mb(ours.pid)["Rss"]
        statuses = [_send_too_much(ours.port, chunked=chunked) for chunked in (False, True)]
        grown = memory_mb(ours.pid)["Rss"] - before
        after = load(ours.port, _OTHERS, connections=4, seconds=1.0)
        stored = len(file.event_ids())
    trial.console.print(f"{2 * _SLOW} slow clients: {beside}, before {calm}, {cut}")
    said = {"p99 ms": beside.p99_ms, "p99 ms before": calm.p99_ms}
    return [
        Row(f"{2 * _SLOW} slow clients: requests of others failed", beside.errors, "<=", 0, said),
        Row(f"{_SLOW} endless heads: cut off within {_SLOW_SECONDS:g} s", cut.heads, ">=", _SLOW),
        Row(f"{_SLOW} endless bodies: cut off within {_SLOW_SECONDS:g} s", cut.bodies, ">=", _SLOW),
        Row(f"bodies of {_MEGABYTES} MB: refused with 413", statuses.count(413), ">=", 2),
        Row(f"bodies of {_MEGABYTES} MB: growth of memory, MB", grown, "<=", 16.0),
        Row("bad clients: events stored of them", stored, "<=", 0),
        Row("bad clients: requests of others failed afterwards", after.errors, "<=", 0),
    ]


@dataclass
class _SlowClients:
    """How many were cut off, by what it was that they never ended."""

    heads: int = 0
    bodies: int = 0


@contextmanager
def _slow_clients(port: int) -> Iterator[_SlowClients]:
    """Hold connections that send a byte each second; count those that the server ended."""
    ended = threading.Event()
    cut = _SlowClients()
    with ExitStack() as stack:

        def hold(beginning: bytes) -> list[socket.socket]:
            made = []
            for _ in range(_SLOW):
                held = stack.enter_context(socket.create_connection(("127.0.0.1", port), 10))
                held.sendall(beginning)
                held.settimeout(0)
                made.append(held)
            return made

        heads = hold(_HEAD + b"X-Slow: ")
        bodies = hold(_HEAD + b"Content-Length: 1000\r\n\r\n")

        def trickle() -> None:
            while not ended.wait(1.0):
                cut.heads += _cut_off(heads)
                cut.bodies += _cut_off(bodies)

        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            yield cut
        finally:
            ended.set()
            thread.join()


def _cut_off(connections: list[socket.socket]) -> int:
    """Send one more byte on each, and leave out and count those that were answered or ended."""
    before = len(connections)
    for each in list(connections):
        try:
            each.sendall(b" ")
            each.recv(100)
        except BlockingIOError:
            continue
        except OSError:
            pass
        connections.remove(each)
    return before - len(connections)


def _send_too_much(port: int, *, chunked: bool) -> int:
    """Send far more than is taken, with its length said beforehand or not; return the status."""
    piece = b" " * 65_536
    count = _MEGABYTES * 16

    def pieces() -> Iterator[bytes]:
        for _ in range(count):
            yield piece

    length = {} if chunked else {"Content-Length": str(len(piece) * count)}
    headers = {"Content-Type": "application/json", **length}
    url = f"http://127.0.0.1:{port}/v1/events"
    try:
        return httpx.post(url, content=pieces(), headers=headers, timeout=60).status_code
    except httpx.WriteError:
        # The server answered and closed the connection while it was still sending.
        return 0
