"""Ours beside what people serve models with, each with a small look-up of its own, one process.

Each peer gets the form in which it is quickest: precomputed answers or a small model, a look-up
by id, no log of requests.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from benchmarks.own_environment import own_environment
from benchmarks.serving import implicit_server
from benchmarks.serving.http1 import get, post
from benchmarks.serving.processes import free_port, running, running_program, serve_ours
from benchmarks.serving.rounds import Beside, Pace, Target, p99, rate, side_by_side
from benchmarks.serving.traffic import Shop, Traffic
from benchmarks.table import Row

_HERE: Final = Path(__file__).parent
_REQUESTS: Final = 1_000
# It would tell its makers of every start.
_SILENT: Final = {"FEAST_USAGE": "False"}
_FEAST: Final = "Feast's feature server"
# Ours at least so many times their requests per second.
_BARS: Final = {"mlflow models serve": 6.0, _FEAST: 10.0, "FastAPI calling implicit": 7.0}
_TAIL_BAR: Final = 0.1


def rows(shop: Shop, pace: Pace) -> list[Row]:
    """Measure ours beside those of the peers that can be had here."""
    with ExitStack() as stack:
        peers = {
            "mlflow models serve": stack.enter_context(_mlflow(shop.folder)),
            "FastAPI calling implicit": stack.enter_context(_implicit()),
        }
        try:
            peers[_FEAST] = stack.enter_context(_feast(shop.folder))
        except (subprocess.CalledProcessError, RuntimeError) as error:
            pace.console.print(f"[red]{_FEAST}: not measured: {error}[/]")
        ours = stack.enter_context(running(serve_ours, shop.bundles, shop.database("peers")))
        asked = Target(ours.port, Traffic.draw(shop).recommendations())
        measured = side_by_side(peers, asked, pace)
    return _rows(measured)


def _rows(measured: Mapping[str, Beside]) -> list[Row]:
    written = []
    for name, beside in measured.items():
        theirs, ours = beside.typical(rate)
        tail, our_tail = beside.typical(p99)
        written += [
            Row(f"recommendations: requests per second / {name}", 1 / beside.ratio(rate), ">=",
                _BARS[name], {"ours / s": ours, "theirs / s": theirs,
                              "their errors": float(beside.errors)}),
            Row(f"recommendations: p99 / {name}", 1 / beside.ratio(p99), "<=",
                _TAIL_BAR, {"ours ms": our_tail, "theirs ms": tail}),
        ]  # fmt: skip
    return written


@contextmanager
def _mlflow(folder: Path) -> Iterator[Target]:
    model = folder / "mlflow_model"
    subprocess.run([sys.executable, str(_HERE / "mlflow_model.py"), str(model)], check=True)
    port = free_port()
    command = [
        str(Path(sys.executable).with_name("mlflow")), "models", "serve", "--model-uri", str(model),
        "--port", str(port), "--workers", "1", "--env-manager", "local",
    ]  # fmt: skip
    with running_program(command, port, "/ping", folder / "mlflow.log"):
        asked = [post("/invocations", {"inputs": [f"C{k:05d}"]}) for k in range(_REQUESTS)]
        yield Target(port, asked)


@contextmanager
def _implicit() -> Iterator[Target]:
    with running(implicit_server.run, path="/recommendations/1") as server:
        yield Target(server.port, [get(f"/recommendations/{k}?n=10") for k in range(_REQUESTS)])


@contextmanager
def _feast(folder: Path) -> Iterator[Target]:
    python = own_environment("feast")
    shop = folder / "feast"
    shop.mkdir()
    described = [str(python), str(_HERE / "feast_shop.py"), str(shop)]
    subprocess.run(described, check=True, env={**os.environ, **_SILENT})
    port = free_port()
    command = [
        str(python.with_name("feast")), "--chdir", str(shop), "serve", "--port", str(port),
        "--workers", "1", "--no-access-log", "--max-requests", "0", "--max-requests-jitter", "0",
    ]  # fmt: skip
    with running_program(command, port, "/health", folder / "feast.log", _SILENT):
        asked = [
            post("/get-online-features", {
                "features": ["recommendations:items"], "entities": {"customer_id": [f"C{k:05d}"]},
            })
            for k in range(_REQUESTS)
        ]  # fmt: skip
        yield Target(port, asked)
