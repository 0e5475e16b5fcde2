"""Decisions in money on public data, on simulated shops, on small exact cases, and by the clock.

python -m benchmarks.decisions [hillstrom simulated ...]
"""

from __future__ import annotations

import argparse
from types import ModuleType
from typing import Final

from rich.console import Console

from benchmarks.decisions import (
    bank,
    cross_sell,
    hillstrom,
    open_bandit,
    simulated,
    solver,
    speed,
    zimnat,
)
from benchmarks.table import Row, report
from regulars.console import progress_bars

_PARTS: Final[dict[str, ModuleType]] = {
    "hillstrom": hillstrom,
    "open_bandit": open_bandit,
    "bank": bank,
    "zimnat": zimnat,
    "cross_sell": cross_sell,
    "simulated": simulated,
    "solver": solver,
    "speed": speed,
}


def main() -> None:
    """Run all parts, or those named, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="*", help=f"some of: {', '.join(_PARTS)}; all without")
    wanted: list[str] = parser.parse_args().part
    if unknown := sorted(set(wanted) - set(_PARTS)):
        parser.error(f"no part is called {', '.join(unknown)}; there are {', '.join(_PARTS)}")
    rows: list[Row] = []
    with progress_bars(Console(width=150, highlight=False)) as progress:
        for name in wanted or _PARTS:
            rows += _PARTS[name].rows(progress)
    report("decisions", "Decisions in money: every bar beside what was reached", rows)


if __name__ == "__main__":
    main()
