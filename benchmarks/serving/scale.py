"""A large bundle: ready how soon, swapped under load, and what a further worker costs and gives."""

from __future__ import annotations

import os
import shutil
import threading
import time
from dataclasses import replace
from typing import Final

import httpx

from benchmarks.serving.load import load
from benchmarks.serving.processes import memory_mb, running, serve_ours, workers_of
from benchmarks.serving.rounds import Pace, Target, rate, side_by_side
from benchmarks.serving.synthetic import version_of
from benchmarks.serving.traffic import Shop, Traffic
from benchmarks.table import Row
from models.bundle import activate
from models.manifest import read_manifest, write_manifest

_SWAP_SECONDS: Final = 60.0


def rows(shop: Shop, pace: Pace) -> list[Row]:
    """Measure one worker, then two beside one."""
    requests = Traffic.draw(shop).recommendations()
    with running(serve_ours, shop.bundles, shop.database("one")) as one:
        ready = Row("ready from a warm disk, s", one.ready_seconds, "<=", 10.0,
                    {"customers": shop.customers, "products": shop.products})  # fmt: skip
        swapped = _swap(shop, one.port, requests)
        with running(serve_ours, shop.bundles, shop.database("two"), 2) as two:
            targets = {"two workers": Target(two.port, requests)}
            measured = side_by_side(targets, Target(one.port, requests), pace)["two workers"]
            held = [memory_mb(worker) for worker in workers_of(two.pid)]
    # Of the larger one; pages of the bundle that only it has read so far are counted too.
    own = [worker["Private_Clean"] + worker["Private_Dirty"] for worker in held]
    ours, single = measured.typical(rate)
    cores = os.cpu_count() or 1
    return [
        ready,
        *swapped,
        Row("memory that a further worker holds alone (USS), MB", max(own), "<=", 150.0,
            {"PSS": held[-1]["Pss"], "RSS": held[-1]["Rss"], "workers": float(len(held))}),
        Row(f"two workers / one, requests per second; {cores} cores, load generator among them",
            measured.ratio(rate), ">=", 1.7, {"two / s": ours, "one / s": single}),
    ]  # fmt: skip


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
