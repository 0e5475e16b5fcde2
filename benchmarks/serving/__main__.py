"""The server beside a no-op on the same settings: requests a second, latencies, memory, events.

Every ratio is taken side by side in one run: the no-op is loaded before and after each call, and
the call is held against the mean of both.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

import orjson
from rich.console import Console

from benchmarks.serving import noop
from benchmarks.serving.load import Load, get, load, post
from benchmarks.serving.processes import running, serve_ours
from benchmarks.serving.synthetic import customer_id, product_id, publish
from benchmarks.table import Row, report

_REQUESTS = 5_000


def main() -> None:
    """Publish a random bundle, serve it, load it, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--products", type=int, default=50_000)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each load")
    given = parser.parse_args()
    console = Console(width=150, highlight=False)
    with tempfile.TemporaryDirectory(prefix="regulars-serving-") as name:
        folder = Path(name)
        console.print("Writing a random bundle ...")
        publish(folder / "bundles", given.customers, given.products)
        rows = _measure(console, folder, given.customers, given.products, given.seconds)
    title = f"The server, {given.customers:,} customers, {given.products:,} products, one worker"
    report("serving", title, rows)


def _measure(
    console: Console, folder: Path, customers: int, products: int, seconds: float
) -> list[Row]:
    rng = random.Random(0)  # noqa: S311 - load, not secrets
    ids = [customer_id(rng.randrange(customers)) for _ in range(_REQUESTS)]
    shown = [product_id(rng.randrange(products)) for _ in range(_REQUESTS)]
    carts = [orjson.dumps({"items": rng.sample(shown, 3)}) for _ in range(_REQUESTS)]

    with (
        running(noop.run) as (nothing, _),
        running(serve_ours, folder / "bundles", folder / "events.db") as (ours, ready_seconds),
    ):
        no_gets = [get(f"/noop/{id_}?n=10") for id_ in ids]
        no_posts = [post("/noop", cart) for cart in carts]

        def beside(
            what: str, requests: Sequence[bytes], no_op: Sequence[bytes]
        ) -> tuple[Load, Load]:
            before = load(nothing, no_op, seconds=seconds)
            taken = load(ours, requests, seconds=seconds)
            after = load(nothing, no_op, seconds=seconds)
            limit = Load(
                (before.requests_per_second + after.requests_per_second) / 2,
                (before.p50_ms + after.p50_ms) / 2,
                (before.p99_ms + after.p99_ms) / 2,
                before.errors + after.errors,
            )
            console.print(f"{what}: {taken} beside {limit}")
            return taken, limit

        recommend = [get(f"/v1/customers/{id_}/recommendations?n=10") for id_ in ids]
        pages = [get(f"/v1/products/{id_}/cross-sell?n=10") for id_ in shown]
        measured = {
            "recommendations": (*beside("recommendations", recommend, no_gets), 0.8),
            "product cross-sell": (*beside("product cross-sell", pages, no_gets), 0.75),
            "cart cross-sell": (
                *beside("cart cross-sell", [post("/v1/cross-sell", c) for c in carts], no_posts),
                0.75,
            ),
            "single event": (*beside("single event", _events(ids, shown, 1), no_posts), 0.45),
        }
        batches = load(ours, _events(ids, shown, 100), seconds=seconds)
    rows = []
    for what, (taken, limit, bar) in measured.items():
        ratio = taken.requests_per_second / limit.requests_per_second
        said = {"ours / s": taken.requests_per_second, "no-op / s": limit.requests_per_second}
        rows.append(Row(f"{what}: requests per second / no-op", ratio, ">=", bar, said))
        rows.append(Row(f"{what}: errors", taken.errors, "<=", 0))
    taken, limit, _ = measured["recommendations"]
    rows += [
        Row("recommendations: p99 / no-op", taken.p99_ms / limit.p99_ms, "<=", 2.0,
            {"ours ms": taken.p99_ms, "no-op ms": limit.p99_ms}),
        Row("events in batches of 100, a second", batches.requests_per_second * 100, ">=", 20_000,
            {"p99 ms": batches.p99_ms}),
        Row("ready after, s", ready_seconds, "<=", 10.0),
    ]  # fmt: skip
    return rows


def _events(ids: Sequence[str], shown: Sequence[str], size: int) -> list[bytes]:
    """Write batches of views; without ids of their own each is a new event."""
    pairs = list(zip(ids, shown, strict=True))
    return [
        post("/v1/events", orjson.dumps({"events": [
            {"type": "view", "customer_id": customer, "product_id": product}
            for customer, product in pairs[start : start + size]
        ]}))
        for start in range(0, len(pairs), size)
    ]  # fmt: skip


if __name__ == "__main__":
    main()
