"""The server beside a no-op, beside its peers, at full size, and under minutes of mixed load.

python -m benchmarks.serving [answers peers scale mixed] [--minutes 10]

Every ratio is taken side by side in one run: loads in turn, round after round, and the median.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from rich.console import Console

from benchmarks.serving import answers, mixed, peers, scale
from benchmarks.serving.rounds import Pace
from benchmarks.serving.synthetic import publish
from benchmarks.serving.traffic import Shop
from benchmarks.table import Row, report

_NAMES = ("answers", "peers", "scale", "mixed")


def main() -> None:
    """Publish a random bundle, run the wanted parts on it, print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="*", help=f"some of: {', '.join(_NAMES)}; all without")
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--products", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.5, help="of each load of a round")
    parser.add_argument("--minutes", type=float, default=2.0, help="of the mixed load")
    given = parser.parse_args()
    if unknown := sorted(set(given.part) - set(_NAMES)):
        parser.error(f"no part is called {', '.join(unknown)}; there are {', '.join(_NAMES)}")
    console = Console(width=150, highlight=False)
    pace = Pace(given.rounds, given.seconds, console)
    parts: dict[str, Callable[[Shop, Pace], list[Row]]] = {
        "answers": answers.rows,
        "peers": peers.rows,
        "scale": scale.rows,
        "mixed": partial(mixed.rows, minutes=given.minutes),
    }
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="regulars-serving-") as name:
        shop = Shop(Path(name), given.customers, given.products)
        console.print("Writing a random bundle ...")
        publish(shop.bundles, shop.customers, shop.products)
        for part in given.part or _NAMES:
            console.print(f"[bold]{part}[/]")
            rows += parts[part](shop, pace)
    title = f"The server, {given.customers:,} customers, {given.products:,} products, one worker"
    report("serving", title, rows)


if __name__ == "__main__":
    main()
