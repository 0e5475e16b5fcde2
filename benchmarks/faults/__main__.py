"""The server while things break: what was lost, and who noticed.

python -m benchmarks.faults [kill store disk bundle clock clients] [--kills 50]
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from rich.console import Console

from benchmarks.faults import (
    bad_clients,
    clock_step,
    damaged_bundle,
    full_disk,
    killing,
    store_away,
)
from benchmarks.faults.shop import CUSTOMERS, PRODUCTS, Trial
from benchmarks.serving.synthetic import publish
from benchmarks.table import Row, report

_PARTS: Final[dict[str, Callable[[Trial], list[Row]]]] = {
    "kill": killing.rows,
    "store": store_away.rows,
    "disk": full_disk.rows,
    "bundle": damaged_bundle.rows,
    "clock": clock_step.rows,
    "clients": bad_clients.rows,
}


def main() -> None:
    """Publish a small random bundle, run the wanted parts on it, print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = ", ".join(_PARTS)
    parser.add_argument("part", nargs="*", help=f"some of: {names}; all without")
    parser.add_argument("--kills", type=int, default=10, help="how often to kill the server")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    given = parser.parse_args()
    if unknown := sorted(set(given.part) - set(_PARTS)):
        parser.error(f"no part is called {', '.join(unknown)}; there are {names}")
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="regulars-faults-") as name:
        console = Console(width=150, highlight=False)
        rng = random.Random(given.seed)
        trial = Trial(Path(name), given.kills, console, rng)
        publish(trial.bundles, CUSTOMERS, PRODUCTS)
        for part in given.part or _PARTS:
            console.print(f"[bold]{part}[/]")
            rows += _PARTS[part](trial)
    report("faults", "The server while things break", rows)


if __name__ == "__main__":
    main()
