"""Every part of the decisions benchmark, one after the other, in one table."""

from __future__ import annotations

import sys
from types import ModuleType

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
from benchmarks.table import report
from regulars.console import progress_bars

_PARTS: tuple[ModuleType, ...] = (
    hillstrom, open_bandit, bank, zimnat, cross_sell, simulated, solver, speed,
)  # fmt: skip


def main(wanted: list[str]) -> None:
    """Run all parts, or those named, and print one table."""
    names = {part.__name__.rpartition(".")[2]: part for part in _PARTS}
    unknown = sorted(set(wanted) - set(names))
    if unknown:
        sys.exit(f"No such part: {', '.join(unknown)}. Known: {', '.join(names)}.")
    rows = []
    with progress_bars(Console(width=150, highlight=False)) as progress:
        for name in wanted or names:
            rows += names[name].rows(progress)
    report("decisions", "Decisions in money: every bar beside what was reached", rows)


if __name__ == "__main__":
    main(sys.argv[1:])
