"""Minutes of everything at once: no error, and memory that does not grow."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import numpy as np

from benchmarks.serving.load import load
from benchmarks.serving.processes import memory_mb, running, serve_ours
from benchmarks.serving.rounds import Pace
from benchmarks.serving.traffic import Shop, Traffic
from benchmarks.table import Row

_SAMPLES_A_MINUTE: Final = 30
# Before measuring: more answers than the server keeps, and more views than it remembers, so that
# its caches are full.
_STRANGERS: Final = 40_000
_VIEWS: Final = 120_000
_VIEWS_AT_ONCE: Final = 100
# And the load itself, for everything else that happens only the first time.
_SETTLING_SECONDS: Final = 30.0


def rows(shop: Shop, pace: Pace, minutes: float) -> list[Row]:
    """Load one worker with all kinds of requests in turn."""
    traffic = Traffic.draw(shop)
    kinds = [
        traffic.recommendations(),
        traffic.fresh_sessions(),
        traffic.cart_pages(),
        traffic.product_pages(),
        traffic.scores(),
        traffic.offers(),
        traffic.events(1),
    ]
    requests = [request for group in zip(*kinds, strict=True) for request in group]
    with running(serve_ours, shop.bundles, shop.database("mixed")) as ours:
        before = _fill(shop, traffic, ours.port)
        before += load(ours.port, requests, seconds=_SETTLING_SECONDS).errors
        with _watched(ours.pid) as held:
            measured = load(ours.port, requests, seconds=minutes * 60)
    pace.console.print(f"mixed load of {minutes:g} minutes: {measured}")
    slope, noise, last = memory_slope(held)
    said = {"requests / s": measured.requests_per_second, "p50 ms": measured.p50_ms,
            "p99 ms": measured.p99_ms, "of them while filling": float(before)}  # fmt: skip
    return [
        Row(f"mixed load, {minutes:g} minutes: errors", before + measured.errors, "<=", 0, said),
        Row("mixed load: growth of memory in MB a minute, beyond noise",
            max(0.0, slope - noise), "<=", 0.0,
            {"slope": slope, "two standard errors": noise, "MB at the beginning": held[0][1],
             "MB at the end": last}),
    ]  # fmt: skip


@contextmanager
def _watched(pid: int) -> Iterator[list[tuple[float, float]]]:
    """Note (minute, megabytes) of a process's memory, from a thread of its own."""
    held: list[tuple[float, float]] = []
    ended = threading.Event()
    pause = 60 / _SAMPLES_A_MINUTE

    def watch() -> None:
        while not ended.wait(pause):
            # Without the bundle's mapped files, which the machine may drop at any time.
            held.append((len(held) * pause / 60, memory_mb(pid)["Anonymous"]))

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield held
    finally:
        ended.set()
        watching.join()


def _fill(shop: Shop, traffic: Traffic, port: int) -> int:
    """Bring what the server holds to its bounds; return how many requests failed."""
    strangers = Traffic.of_strangers(shop, _STRANGERS, seed=1)
    asked = [*strangers.recommendations(), *strangers.scores(), *strangers.offers()]
    views = traffic.events(_VIEWS_AT_ONCE)
    views *= -(-_VIEWS // (len(views) * _VIEWS_AT_ONCE))
    return sum(load(port, requests, seconds=None).errors for requests in (asked, views))


def memory_slope(held: list[tuple[float, float]]) -> tuple[float, float, float]:
    """Fit a line through (minute, megabytes).

    Returns
    -------
    Its slope in megabytes a minute, two standard errors of it, and the last reading. Readings
    follow each other, so their errors do too: the standard error is that of the differences
    between neighbours, a random walk's.
    """
    minutes, megabytes = np.array(held).T
    slope = float(np.polyfit(minutes, megabytes, 1)[0])
    steps = np.diff(megabytes) / np.diff(minutes)
    error = float(steps.std(ddof=1) / np.sqrt(len(steps))) if len(steps) > 1 else float("inf")
    return slope, 2 * error, float(megabytes[-1])
