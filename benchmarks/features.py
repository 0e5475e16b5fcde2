"""The feature engine beside its limit, hand-written SQL, Polars and pandas, and beside itself.

Every contender reads the same raw files and writes Parquet, in a process of its own with the
same threads and memory; the clock starts when it has been imported. Answers are compared column
by column before anything is timed. Data is kept in the system's temporary folder for next time.
"""

from __future__ import annotations

import argparse
import math
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.feature_engine.agreement import check_agreement
from benchmarks.feature_engine.harness import (
    Arena,
    Entry,
    Measurement,
    available_cores,
    machine,
    side_by_side,
)
from benchmarks.feature_engine.order_lines import BenchmarkShop, benchmark_shop
from benchmarks.table import Row, report
from features.progress import Progress
from regulars.console import progress_bars

_RIVALS = ("hand_sql", "polars_lazy", "pandas_loop")
_LIMIT = "scan_limit"
_AGREEMENT_LINES = 100_000
_MANY = 12


@dataclass(frozen=True)
class Plan:
    """How large the two shops are, and how often everything on each is run."""

    small: int
    large: int
    small_runs: int
    large_runs: int


@dataclass(frozen=True)
class Results:
    """Both shops and what was measured on them."""

    small: BenchmarkShop
    large: BenchmarkShop
    measured: Mapping[Entry, Measurement]

    def of(self, contender: str, shop: BenchmarkShop, cutoffs: int, job: str) -> Measurement:
        """Return one measurement."""
        return self.measured[Entry(contender, shop, cutoffs, job)]


def agree(arena: Arena, shop: BenchmarkShop, progress: Progress) -> int:
    """Let every contender compute the subset, and fail where one differs from ours.

    Returns
    -------
    How many vectors were compared.
    """
    vectors = 0
    for cutoffs in (1, _MANY):
        entries = [Entry(name, shop, cutoffs) for name in ("ours", *_RIVALS)]
        where = f"{_where(shop, cutoffs)}: agreement"
        side_by_side(arena, where, entries, 1, progress, keep_answers=True)
        ours, *rivals = map(arena.answer, entries)
        for rival in rivals:
            vectors += check_agreement(ours, rival)
    return vectors


def measure(arena: Arena, plan: Plan, progress: Progress) -> Results:
    """Run everything on both shops: beside the rivals, and beside ourselves."""
    small, large = (_shop(arena, size, progress) for size in (plan.small, plan.large))
    measured: dict[Entry, Measurement] = {}
    for shop, runs in ((small, plan.small_runs), (large, plan.large_runs)):
        measured |= _beside_rivals(arena, shop, runs, progress)
        measured |= _beside_ourselves(arena, shop, runs, progress)
    return Results(small, large, measured)


def _beside_rivals(
    arena: Arena, shop: BenchmarkShop, runs: int, progress: Progress
) -> dict[Entry, Measurement]:
    measured: dict[Entry, Measurement] = {}
    for cutoffs in (1, _MANY):
        entries = [Entry(name, shop, cutoffs) for name in (_LIMIT, "ours", *_RIVALS)]
        where = f"{_where(shop, cutoffs)}: subset"
        measured |= side_by_side(arena, where, entries, runs, progress)
    return measured


def _beside_ourselves(
    arena: Arena, shop: BenchmarkShop, runs: int, progress: Progress
) -> dict[Entry, Measurement]:
    """Run the full set from raw files, checked files and roll-ups; rebuild and refresh."""
    measured: dict[Entry, Measurement] = {}

    def run(times: int, cutoffs: int, *jobs: str) -> None:
        entries = [Entry("ours", shop, cutoffs, job) for job in jobs]
        where = f"{_where(shop, cutoffs)}: {', '.join(jobs)}"
        measured.update(side_by_side(arena, where, entries, times, progress))

    shutil.rmtree(arena.kept(shop), ignore_errors=True)
    run(runs, _MANY, "full", "checked")
    run(1, 1, "rebuild", "until_yesterday")
    run(runs, 1, "full", "stored")
    run(max(runs, 3), 1, "refresh")
    shutil.rmtree(arena.kept(shop))
    return measured


def _where(shop: BenchmarkShop, cutoffs: int) -> str:
    at = "1 cutoff" if cutoffs == 1 else f"{cutoffs} cutoffs"
    return f"{shop.lines / 1e6:.3g} M lines, {at}"


def _shop(arena: Arena, size: int, progress: Progress) -> BenchmarkShop:
    return benchmark_shop(arena.folder / "shops" / str(size), size, progress=progress)


def rows(results: Results) -> list[Row]:
    """Hold the measurements against the bars."""
    small, large = results.small, results.large
    limit = results.of(_LIMIT, small, _MANY, "subset").seconds
    ours = results.of("ours", small, _MANY, "subset").seconds
    return [
        *_rows_beside_rivals(results, small),
        *_rows_beside_rivals(results, large),
        Row(f"subset, {_where(small, _MANY)}: ours / limit", ours / limit, "<=", 9.0,
            {"limit s": limit, "ours s": ours}),
        *_rows_about_ourselves(results, small, large),
    ]  # fmt: skip


def _rows_beside_rivals(results: Results, shop: BenchmarkShop) -> list[Row]:
    """Compare on the subset, where a rival fits; pandas has bars on the smaller shop alone."""
    rows = []
    for cutoffs, times_pandas in ((1, 5.0), (_MANY, 3.0)):
        names = ("ours", *_RIVALS)
        taken = {name: results.of(name, shop, cutoffs, "subset") for name in names}
        fit = {name: each.seconds for name, each in taken.items() if each.failure is None}
        said = {f"{name} s": seconds for name, seconds in fit.items()}
        where, ours = f"subset, {_where(shop, cutoffs)}", taken["ours"].seconds
        if "hand_sql" in fit:
            ratio = ours / fit["hand_sql"]
            rows.append(Row(f"{where}: ours / hand-written SQL", ratio, "<=", 1.15, said))
        if shop == results.small:
            ratio = taken["pandas_loop"].seconds / ours
            rows.append(Row(f"{where}: pandas / ours", ratio, ">=", times_pandas, said))
    return rows


def _rows_about_ourselves(
    results: Results, small: BenchmarkShop, large: BenchmarkShop
) -> list[Row]:
    full = results.of("ours", large, _MANY, "full")
    checked = results.of("ours", large, _MANY, "checked").seconds
    growth = full.seconds / results.of("ours", small, _MANY, "full").seconds
    raw, stored, rebuilt, fresh = (
        results.of("ours", large, 1, job).seconds
        for job in ("full", "stored", "rebuild", "refresh")
    )
    many, one = (f"full set, {_where(large, cutoffs)}" for cutoffs in (_MANY, 1))
    return [
        Row(f"{many}: peak memory, GB", full.memory_gb, "<=", 6.0, {"s": full.seconds}),
        Row(f"{many}: temporary disk, GB", full.disk_gb, "<=", 20.0),
        Row("full set: log-log slope of seconds over lines",
            math.log(growth) / math.log(large.lines / small.lines), "<=", 1.05),
        Row(f"{one}: from raw files / from stored roll-ups", raw / stored, ">=", 2.5,
            {"raw s": raw, "stored s": stored}),
        Row(f"{large.lines / 1e6:.3g} M lines: refresh of 1 day of 730 / rebuild",
            fresh / rebuilt, "<=", 0.05, {"refresh s": fresh, "rebuild s": rebuilt}),
        Row(f"{many}: what validation adds", checked / full.seconds - 1, "<=", 0.2,
            {"checked s": checked, "unchecked s": full.seconds}),
    ]  # fmt: skip


def show_all(console: Console, measured: Mapping[Entry, Measurement]) -> None:
    """Print every measurement."""
    table = Table(title=f"All measurements on {machine()}: median seconds, peaks")
    for heading in ("contender", "job"):
        table.add_column(heading)
    for heading in ("million lines", "cutoffs", "seconds", "of processors", "memory GB", "disk GB"):
        table.add_column(heading, justify="right")
    for entry, taken in measured.items():
        table.add_row(
            entry.contender, entry.job, f"{entry.shop.lines / 1e6:.3g}", str(entry.cutoffs),
            taken.failure or f"{taken.seconds:.2f}", f"{taken.processor_seconds:.2f}",
            f"{taken.memory_gb:.2f}", f"{taken.disk_gb:.2f}",
        )  # fmt: skip
    console.print(table)


def _arguments() -> tuple[Plan, Arena]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="1 and 3 million lines, once")
    parser.add_argument("--lines", type=int, default=10_000_000, help="of the smaller shop")
    parser.add_argument("--large", type=int, default=100_000_000, help="lines of the larger")
    parser.add_argument("--runs", type=int, default=3, help="on the smaller shop")
    parser.add_argument("--large-runs", type=int, default=1)
    parser.add_argument("--memory-limit", default="4GB", help="of DuckDB, ours and the rivals'")
    folder = Path(tempfile.gettempdir()) / "regulars-benchmark"
    parser.add_argument("--folder", type=Path, default=folder, help="where data is kept")
    given = parser.parse_args()
    plan = Plan(given.lines, given.large, given.runs, given.large_runs)
    if given.quick:
        plan = Plan(1_000_000, 3_000_000, 1, 1)
    return plan, Arena(given.folder.resolve(), available_cores(), given.memory_limit, "20GB")


def main() -> None:
    """Compare, measure, print."""
    plan, arena = _arguments()
    console = Console(width=150, highlight=False)
    with progress_bars(console) as progress:
        number = agree(arena, _shop(arena, _AGREEMENT_LINES, progress), progress)
        console.print(f"Every rival's vectors equal ours in every column: {number:,} compared.")
        results = measure(arena, plan, progress)
    show_all(console, results.measured)
    report("features", f"The feature engine on {machine()}", rows(results))


if __name__ == "__main__":
    main()
