"""Churn and value on public data, on a shop of known truth, and beside peers: every bar.

python -m benchmarks.churn_value [part ...]
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from importlib import import_module

from rich.console import Console

from benchmarks.table import Row, report


def _plain(module: str) -> Callable[[Console], list[Row]]:
    def rows(_console: Console) -> list[Row]:
        found: list[Row] = import_module(f"benchmarks.churn_value.{module}").rows()
        return found

    return rows


def _shown(module: str) -> Callable[[Console], list[Row]]:
    def rows(console: Console) -> list[Row]:
        found: list[Row] = import_module(f"benchmarks.churn_value.{module}").rows(console)
        return found

    return rows


PARTS = {
    "cdnow": _plain("cdnow"),
    "telco": _plain("telco"),
    "online_retail": _shown("online_retail"),
    "extrapolated": _shown("extrapolated"),
    "simulated": _shown("simulated"),
    "btyd_speed": _plain("btyd_speed"),
    "scoring_speed": _plain("scoring_speed"),
    "random_shops": _shown("random_shops"),
}


def main() -> None:
    """Run all parts, or those named, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all by default")
    named: list[str] = parser.parse_args().parts
    wanted = named or list(PARTS)
    if unknown := sorted(set(wanted) - set(PARTS)):
        parser.error(f"no such part: {', '.join(unknown)}")
    console = Console(width=150, highlight=False)
    rows = []
    for part in wanted:
        started = time.perf_counter()
        rows += PARTS[part](console)
        console.print(f"{part}: {time.perf_counter() - started:,.0f} s")
    report("_".join(["churn_value", *named]), "Churn and value", rows)


if __name__ == "__main__":
    # Small fits lose more to threads that wait for one another than they gain.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
