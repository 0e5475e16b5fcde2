"""The work of `regulars demo`: simulate, check, train, publish, serve, ask."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from features.errors import RegistryError
from features.prepare import data_fingerprint
from features.simulate import ShopPlan, read_plan
from features.store import Store
from regulars.console import make_console
from regulars.prepare_shop import check_shop, simulate_shop
from regulars.reports.answers import (
    describe_churn_list,
    describe_customer,
    describe_offers,
    describe_products,
)
from regulars.settings import Settings, read_settings
from regulars.train_shop import show_champions, train_shop

Describe = Callable[[dict[str, Any]], list[str]]


@dataclass(frozen=True)
class Question:
    """What to ask the server, and how to put its answer into words."""

    title: str
    path: str
    describe: Describe
    body: dict[str, Any] | None = None


@dataclass
class Clock:
    """Wall time of each stage."""

    stages: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what runs inside."""
        start = time.perf_counter()
        yield
        self.stages[name] = time.perf_counter() - start


def run_demo(config: Path, customers: int, port: int, now: datetime) -> None:
    """Make whatever is missing, then serve until interrupted.

    A second run finds the shop, its tables and its champions, and goes straight to serving.
    """
    from serving.run import bind

    # Fails at once if the port is taken, and not after minutes of training.
    bind("127.0.0.1", port).close()
    console, settings, clock = make_console(), read_settings(config), Clock()
    folder = settings.base / "data"
    plan = ShopPlan(n_customers=customers)
    with clock.stage("simulate"):
        if not (folder / "plan.json").exists() or read_plan(folder) != plan:
            console.rule("1. A simulated shop")
            simulate_shop(console, plan, folder)
    console.rule("2. Its tables, checked")
    with clock.stage("check"):
        check_shop(console, settings, now)
    with clock.stage("train"):
        if _is_stale(settings):
            console.rule("3. Models, judged on days they had not seen")
            train_shop(console, settings, "all", None, now)
        else:
            console.rule("3. Models, trained earlier")
            show_champions(console, settings)
    console.rule("4. Answers")
    _serve_and_ask(console, settings, port, clock)


def _is_stale(settings: Settings) -> bool:
    """Return whether champions or bundle are missing, or the bundle is of other data."""
    from models.bundle.folder import current_version, read_manifest
    from models.registry import open_client
    from training.publishing.champions import load_champions

    try:
        load_champions(open_client(settings.mlruns), settings.shop.name)
    except RegistryError:
        return True
    version = current_version(settings.bundles)
    if version is None:
        return True
    manifest = read_manifest(settings.bundles / version)
    store = Store.read(settings.workspace)
    return bool(manifest.data_fingerprint != data_fingerprint(store, settings.tables))


def _serve_and_ask(console: Console, settings: Settings, port: int, clock: Clock) -> None:
    """Serve in this process; a thread waits until it is ready, asks, and prints the answers."""
    from regulars.server import serve_shop

    start = time.perf_counter()

    def ask() -> None:
        base = f"http://127.0.0.1:{port}"
        if not _wait_until_ready(base):
            return
        clock.stages["serve"] = time.perf_counter() - start
        for question in _questions(base):
            _print_answer(console, base, question)
        console.rule("Ready")
        times = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in clock.stages.items())
        console.print(f"  Wall time: {times}")
        console.print(f"  Documentation: {base}/docs")
        if settings.base != Path.cwd():
            console.print(f"  Other commands: cd {_relative(settings.base)}, then regulars --help")
        console.print("  Serving; Ctrl+C stops.")

    threading.Thread(target=ask, daemon=True).start()
    serve_shop(settings, None, port, access_log=False)


def _wait_until_ready(base: str, timeout_seconds: float = 60.0) -> bool:
    end = time.monotonic() + timeout_seconds
    while time.monotonic() < end:
        try:
            _fetch(f"{base}/health/ready", None)
        except OSError:
            time.sleep(0.2)
        else:
            return True
    return False


def _questions(base: str) -> list[Question]:
    """Choose five questions about customers and products of this shop."""
    # Not the whole list: it begins with those who are nearly certainly gone.
    at_risk = "/v1/churn?stage=at_risk&limit=3"
    customer_id = _fetch(f"{base}{at_risk}", None)["items"][0]["customer_id"]
    path = f"/v1/customers/{customer_id}"
    product_id = _fetch(f"{base}{path}/recommendations?n=1", None)["items"][0]["product_id"]
    return [
        Question("Who is at risk, with most value?", at_risk, describe_churn_list),
        Question("Who is that, and why may they leave?", path, describe_customer),
        Question(
            "What will they want next?",
            f"{path}/recommendations?n=3&explain=true",
            describe_products,
        ),
        Question(
            f"What completes a cart with {product_id}?",
            "/v1/cross-sell",
            describe_products,
            {"items": [product_id], "n": 3},
        ),
        Question(
            "What is worth offering, in money?", f"{path}/next-best-offer?n=2", describe_offers
        ),
    ]


def _print_answer(console: Console, base: str, question: Question) -> None:
    """Print a question, its answer in words, and the call that returns all of it."""
    url = f"{base}{question.path}"
    command = f"curl -s '{url}'"
    if question.body is not None:
        command += f" -H 'content-type: application/json' -d '{json.dumps(question.body)}'"
    console.print(f"\n[bold]{question.title}[/]")
    for line in question.describe(_fetch(url, question.body)):
        console.print(f"  {escape(line)}", soft_wrap=True)
    console.print(f"  [green]{escape(command)}[/]", soft_wrap=True)


def _relative(folder: Path) -> Path:
    here = Path.cwd()
    return folder.relative_to(here) if folder.is_relative_to(here) else folder


def _fetch(url: str, body: dict[str, Any] | None) -> Any:
    request = urllib.request.Request(url)  # noqa: S310  loopback only
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
        return json.load(response)
