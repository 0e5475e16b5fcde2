"""A large bundle: ready how soon, swapped under load, and what a further worker costs and gives."""

from __future__ import annotations

import os
import shutil
import threading
import time
from dataclasses import dataclass, replace
from typing import Final

import httpx

from benchmarks.serving.load import load
from benchmarks.serving.processes import (
    Running,
    cpu_seconds,
    memory_mb,
    running,
    serve_ours,
    workers_of,
)
from benchmarks.serving.rounds import Pace, Target, rate, side_by_side
from benchmarks.serving.synthetic import version_of
from benchmarks.serving.traffic import Shop, Traffic
from benchmarks.table import Row
from models.bundle.folder import activate
from models.bundle.manifest import read_manifest, write_manifest

_SWAP_SECONDS: Final = 60.0
# Strangers of one load: more than it can ask for.
_PER_LOAD: Final = 20_000


def rows(shop: Shop, pace: Pace) -> list[Row]:
    """Measure one worker, then two beside one."""
    requests = Traffic.draw(shop).recommendations()
    # What costs most to answer, and nobody asks twice: so that the generator takes little beside.
    costly = Traffic.of_strangers(shop, _PER_LOAD * (pace.rounds + 2)).fresh_sessions()
    with running(serve_ours, shop.bundles, shop.database("one")) as one:
        ready = Row("ready from a warm disk, s", one.ready_seconds, "<=", 10.0,
                    {"customers": shop.customers, "products": shop.products})  # fmt: skip
        swapped = _swap(shop, one.port, requests)
        with running(serve_ours, shop.bundles, shop.database("two"), 2) as two:
            targets = {"two workers": Target(two.port, costly, each_once=True)}
            single = Target(one.port, costly, each_once=True)
            measured = side_by_side(targets, single, pace)["two workers"]
            held = [memory_mb(worker) for worker in workers_of(two.pid)]
        others = Traffic.of_strangers(shop, _PER_LOAD, seed=1).fresh_sessions()
        cost = _cost(one, others, pace.seconds)
    # Of the larger one; pages of the bundle that only it has read so far are counted too.
    own = [worker["Private_Clean"] + worker["Private_Dirty"] for worker in held]
    ours, alone = measured.typical(rate)
    cores = os.cpu_count() or 1
    return [
        ready,
        *swapped,
        Row("memory that a further worker holds alone (USS), MB", max(own), "<=", 150.0,
            {"PSS": held[-1]["Pss"], "RSS": held[-1]["Rss"], "workers": float(len(held))}),
        Row(f"two workers / one, fresh sessions per second; {cores} cores, load generator on them",
            measured.ratio(rate), ">=", 1.7,
            {"two / s": ours, "one / s": alone, "what the cores allow": cost.allows(cores),
             "server us a request": cost.server * 1e6,
             "generator us a request": cost.generator * 1e6}),
    ]  # fmt: skip


@dataclass(frozen=True)
class _Cost:
    """CPU seconds that a request takes of its worker, and of the load generator.

    ``rate`` is one worker's in requests per second. It is more than one core allows: SQLite writes
    in threads, beside Python.
    """

    server: float
    generator: float
    rate: float

    def allows(self, cores: int) -> float:
        """Return how many times one worker's rate two can reach at most, beside the generator."""
        shared = min(cores / (self.server + self.generator), 1 / self.generator)
        return min(2.0, shared / self.rate)


def _cost(one: Running, requests: list[bytes], seconds: float) -> _Cost:
    before = cpu_seconds(one.pid)
    measured = load(one.port, requests, seconds=seconds)
    server = (cpu_seconds(one.pid) - before) / measured.requests
    generator = measured.cpu_seconds / measured.requests
    return _Cost(server, generator, measured.requests_per_second)


def _swap(shop: Shop, port: int, requests: list[bytes]) -> list[Row]:
    """Activate another bundle of the same size under load, and go back to the first."""
    first = version_of(shop.customers, shop.products)
    other = _twin(shop, first)
    took: list[float] = []
    calm = load(port, requests, seconds=2.0)

    def there_and_back() -> None:
        for version in (other, first):
            time.sleep(1.0)
            activate(shop.bundles, version)
            began = time.perf_counter()
            _wait_until_served(port, version)
            took.append(time.perf_counter() - began)

    swapping = threading.Thread(target=there_and_back)
    swapping.start()
    errors, tails = 0, []
    while swapping.is_alive():
        measured = load(port, requests, seconds=2.0)
        errors += measured.errors
        tails.append(measured.p99_ms)
    swapping.join()
    assert len(took) == 2, "the bundles were not swapped"
    said = {"seconds to the other": took[0], "seconds back": took[1], "p99 ms": max(tails),
            "p99 ms before": calm.p99_ms}  # fmt: skip
    return [Row("swap of bundles under load, and back: errors", errors, "<=", 0, said)]


def _twin(shop: Shop, version: str) -> str:
    """Make the same bundle again under another name, its files shared."""
    source, target = shop.bundles / version, shop.bundles / f"{version}-again"
    target.mkdir(exist_ok=True)
    for path in source.iterdir():
        if path.name != "manifest.json" and not (target / path.name).exists():
            os.link(path, target / path.name)
    write_manifest(target, replace(read_manifest(source), version=target.name))
    shutil.copymode(source / "manifest.json", target / "manifest.json")
    return target.name


def _wait_until_served(port: int, version: str) -> None:
    deadline = time.monotonic() + _SWAP_SECONDS
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        while client.get("/v1/models").json()["model_version"] != version:
            assert time.monotonic() < deadline, f"bundle {version} is not served"
            time.sleep(0.1)
