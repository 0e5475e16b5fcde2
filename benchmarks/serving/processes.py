"""Servers in processes of their own."""

from __future__ import annotations

import multiprocessing
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from serving.run import serve

_PROBE = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


def serve_ours(port: int, bundles: Path, database: Path) -> None:
    """Serve bundles on a port of this machine."""
    serve(bundles, "127.0.0.1", port, f"sqlite:///{database}", access_log=False)


@contextmanager
def running(run: Callable[..., None], *arguments: object) -> Iterator[tuple[int, float]]:
    """Run a server in a process of its own; yield its port and how long it took to be there."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = multiprocessing.get_context("spawn").Process(target=run, args=(port, *arguments))
    began = time.perf_counter()
    process.start()
    try:
        while not _answers(port):
            assert process.is_alive(), "the server did not start"
            time.sleep(0.05)
        yield port, time.perf_counter() - began
    finally:
        process.terminate()
        process.join(30)
        process.kill()


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(_PROBE)
            return connection.recv(12).startswith(b"HTTP/1.1")
    except OSError:
        return False
