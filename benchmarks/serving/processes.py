"""Servers in processes of their own, and what they hold of the machine's memory."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Final

import httpx

from serving.run import serve

_START_SECONDS: Final = 180
_STOP_SECONDS: Final = 30


@dataclass(frozen=True)
class Running:
    """A server that answers."""

    port: int
    pid: int
    ready_seconds: float


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def serve_ours(port: int, bundles: Path, database_url: str, workers: int = 1) -> None:
    """Serve bundles on a port of this machine."""
    serve(bundles, "127.0.0.1", port, database_url, workers=workers, access_log=False)


@contextmanager
def running(
    run: Callable[..., None], *arguments: object, path: str = "/health/ready"
) -> Iterator[Running]:
    """Run ``run(port, *arguments)`` in a process of its own; yield when ``path`` is answered."""
    with running_on(free_port(), run, *arguments, path=path) as server:
        yield server


@contextmanager
def running_on(
    port: int, run: Callable[..., None], *arguments: object, path: str = "/health/ready"
) -> Iterator[Running]:
    """Do the same on a given port."""
    process = spawn(run, port, *arguments)
    began = time.perf_counter()
    try:
        wait_until_answered(port, path, process.is_alive)
        assert process.pid is not None
        yield Running(port, process.pid, time.perf_counter() - began)
    finally:
        process.terminate()
        process.join(_STOP_SECONDS)
        process.kill()
        process.join()


def spawn(run: Callable[..., None], *arguments: object) -> SpawnProcess:
    """Start a function in a fresh process of its own."""
    process = multiprocessing.get_context("spawn").Process(target=run, args=arguments)
    process.start()
    return process


@contextmanager
def running_program(
    command: Sequence[str],
    port: int,
    path: str,
    log: Path,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Running]:
    """Run a program that serves on ``port``; yield when ``path`` is answered.

    Raises
    ------
    RuntimeError
        With the end of its log, when it does not start.
    """
    # First on the path: what the program starts is of its own environment.
    programs = f"{Path(command[0]).parent}{os.pathsep}{os.environ['PATH']}"
    with log.open("wb") as said:
        process = subprocess.Popen(
            command,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "PATH": programs, **(environment or {})},
        )
    began = time.perf_counter()
    try:
        try:
            wait_until_answered(port, path, lambda: process.poll() is None)
        except RuntimeError as error:
            tail = log.read_text(encoding="utf-8", errors="replace")[-2_000:]
            raise RuntimeError(f"{command[0]} did not start:\n{tail}") from error
        yield Running(port, process.pid, time.perf_counter() - began)
    finally:
        # Its own session: whatever it started goes with it.
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_until_answered(port: int, path: str, alive: Callable[[], bool]) -> None:
    """Wait until a server answers ``path`` with success.

    Raises
    ------
    RuntimeError
        When its process ends, or does not answer in time.
    """
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and alive():
        try:
            if httpx.get(f"http://127.0.0.1:{port}{path}", timeout=5).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise RuntimeError("the server ended" if not alive() else "the server does not answer")


def workers_of(pid: int) -> list[int]:
    """Return the processes that a server started to answer, the oldest first."""
    started = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    # Python's own helper for spawned processes answers nothing.
    named = {int(child): Path(f"/proc/{child}/cmdline").read_bytes() for child in started}
    return [child for child, line in named.items() if b"resource_tracker" not in line]


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has taken, in its own code and in the kernel's."""
    # Behind the program's name, which may hold anything.
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> dict[str, float]:
    """Return a process's memory in megabytes, by the names of Linux's ``smaps_rollup``."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]
    fields = (line.split() for line in lines)
    return {field[0].rstrip(":"): int(field[1]) * 1_024 / 1e6 for field in fields}
