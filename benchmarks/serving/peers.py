"""Ours beside what people serve models with, each with a small look-up of its own, one process.

Each peer gets the form in which it is quickest: precomputed answers or a small model, a look-up
by id, no log of requests. Ours is asked for the like: items where a peer answers with items that a
model chose, scores by id where it looks features up by id; our other call is listed beside it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.own_environment import own_environment
from benchmarks.serving import implicit_server
from benchmarks.serving.http1 import get, post
from benchmarks.serving.processes import free_port, running, running_program, serve_ours
from benchmarks.serving.rounds import Pace, Target, p99, rate, side_by_side
from benchmarks.serving.traffic import Shop, Traffic
from benchmarks.table import Row

_HERE: Final = Path(__file__).parent
_REQUESTS: Final = 1_000
# Without it Feast reports every start to its makers.
_SILENT: Final = {"FEAST_USAGE": "False"}
_TAIL_BAR: Final = 0.1

_RECOMMEND: Final = "recommendations"
_LOOK_UP: Final = "score look-up"


@dataclass(frozen=True)
class _Peer:
    """A server of others.

    Parameters
    ----------
    does
        What it is asked for.
    like
        Our call that is compared with it.
    bar
        Ours at least so many times its requests per second.
    """

    name: str
    does: str
    like: str
    bar: float


_MLFLOW: Final = _Peer("mlflow models serve", "ten items from a dictionary", _RECOMMEND, 6.0)
_IMPLICIT: Final = _Peer("FastAPI calling implicit", "ten items", _RECOMMEND, 7.0)
_FEAST: Final = _Peer("Feast's feature server", "one feature by id", _LOOK_UP, 10.0)


def rows(shop: Shop, pace: Pace) -> list[Row]:
    """Measure ours beside those of the peers that can be had here."""
    traffic = Traffic.draw(shop)
    with ExitStack() as stack:
        peers = {
            _MLFLOW: stack.enter_context(_mlflow(shop.folder)),
            _IMPLICIT: stack.enter_context(_implicit()),
        }
        try:
            peers[_FEAST] = stack.enter_context(_feast(shop.folder))
        except (subprocess.CalledProcessError, RuntimeError) as error:
            pace.console.print(f"[red]{_FEAST.name}: not measured: {error}[/]")
        server = stack.enter_context(running(serve_ours, shop.bundles, shop.database("peers")))
        ours = {
            _RECOMMEND: Target(server.port, traffic.recommendations()),
            _LOOK_UP: Target(server.port, traffic.scores()),
        }
        return [row for peer, theirs in peers.items() for row in _beside(peer, theirs, ours, pace)]


def _beside(peer: _Peer, theirs: Target, ours: Mapping[str, Target], pace: Pace) -> list[Row]:
    (other,) = ours.keys() - {peer.like}
    targets = {peer.name: theirs, other: ours[other]}
    measured = side_by_side(targets, ours[peer.like], pace)
    beside, ours_too = measured[peer.name], measured[other]
    what = f"{peer.like} / {peer.name} ({peer.does})"
    their_rate, our_rate = beside.typical(rate)
    their_tail, our_tail = beside.typical(p99)
    return [
        Row(f"{what}: requests per second", 1 / beside.ratio(rate), ">=", peer.bar,
            {"ours / s": our_rate, "theirs / s": their_rate,
             f"{other} / theirs": ours_too.ratio(rate) / beside.ratio(rate),
             "their errors": float(beside.errors)}),
        Row(f"{what}: p99", 1 / beside.ratio(p99), "<=", _TAIL_BAR,
            {"ours ms": our_tail, "theirs ms": their_tail,
             f"{other} / theirs": ours_too.ratio(p99) / beside.ratio(p99)}),
    ]  # fmt: skip


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
