"""The feature engine beside its limit, hand-written SQL, Polars and pandas, and beside itself.

Every contender reads the same raw files and writes Parquet, in a process of its own with the
same threads and memory; the clock starts when it has been imported. Answers are compared column
by column before anything is timed. Data is kept in the system's temporary folder for next time,
and so is every measurement, until the code changes or ``--fresh`` is given.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.feature_engine.agreement import check_agreement
from benchmarks.feature_engine.harness import (
    Arena,
    Entry,
    available_cores,
    machine,
    run_once,
    side_by_side,
)
from benchmarks.feature_engine.ledger import Ledger, Measurement
from benchmarks.feature_engine.order_lines import BenchmarkShop, benchmark_shop
from benchmarks.table import Row, report
from features.progress import Progress
from regulars.console import progress_bars

_RIVALS = ("hand_sql", "polars_lazy", "pandas_loop")
_LIMIT = "scan_limit"
_AGREEMENT_LINES = 100_000
_MANY = 12
_REFRESHES = 3


@dataclass(frozen=True)
class Plan:
    """How many lines the shops have, from small to large, and how often what is run on them.

    Attributes
    ----------
    sizes
        The cost's growth is read off all; rivals run on the smallest and the largest.
    huge
        One more shop, where everything runs once; by default there is none.
    """

    sizes: tuple[int, ...]
    huge: int | None
    rival_runs: int
    own_runs: int


@dataclass(frozen=True)
class Results:
    """The shops, from small to large, and what was measured on them."""

    shops: tuple[BenchmarkShop, ...]
    compared: tuple[BenchmarkShop, ...]
    measured: Mapping[Entry, Measurement]

    def of(self, contender: str, shop: BenchmarkShop, cutoffs: int, job: str) -> Measurement:
        """Return one measurement."""
        return self.measured[Entry(contender, shop, cutoffs, job)]

    def fitting(self, shop: BenchmarkShop, cutoffs: int) -> dict[str, float]:
        """Return the seconds of ours and of all rivals that could do the subset."""
        taken = {name: self.of(name, shop, cutoffs, "subset") for name in ("ours", *_RIVALS)}
        return {f"{name} s": each.seconds for name, each in taken.items() if each.failure is None}


def agree(arena: Arena, shop: BenchmarkShop, progress: Progress) -> int:
    """Let every contender compute the subset, and fail where one differs from ours.

    Returns
    -------
    How many vectors were compared.
    """
    vectors = 0
    tick = progress("Comparing answers", 2 * (1 + len(_RIVALS)))
    for cutoffs in (1, _MANY):
        ours, *rivals = (Entry(name, shop, cutoffs) for name in ("ours", *_RIVALS))
        run_once(arena, ours)
        tick()
        for rival in rivals:
            run_once(arena, rival)
            vectors += check_agreement(arena.answer(ours), arena.answer(rival))
            tick()
    return vectors


def measure(arena: Arena, plan: Plan, progress: Progress) -> Results:
    """Run everything: beside the rivals, and beside ourselves."""
    shops = tuple(_shop(arena, size, progress) for size in plan.sizes)
    measured: dict[Entry, Measurement] = {}
    for shop in shops:
        entry = Entry("ours", shop, _MANY, "full")
        where = f"{_where(shop, _MANY)}: full"
        measured |= side_by_side(arena, where, [entry], plan.own_runs, progress)
    compared = tuple(dict.fromkeys((shops[0], shops[-1])))
    for shop in compared:
        measured |= _beside_rivals(arena, shop, plan.rival_runs, progress)
    measured |= _beside_ourselves(arena, shops[-1], plan.own_runs, progress)
    if plan.huge is not None:
        huge = _shop(arena, plan.huge, progress)
        measured |= _beside_rivals(arena, huge, 1, progress)
        measured |= _beside_ourselves(arena, huge, 1, progress)
        shops, compared = (*shops, huge), (*compared, huge)
    return Results(shops, compared, measured)


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

    run(runs, _MANY, "full", "checked")
    last = str(Entry("ours", shop, 1, "refresh"))
    if len(arena.ledger.runs(last)) < _REFRESHES and not arena.kept(shop).exists():
        # They leave what the next ones read.
        builds = ("rebuild", "until_yesterday")
        arena.ledger.forget(str(Entry("ours", shop, 1, job)) for job in builds)
    run(1, 1, "rebuild", "until_yesterday")
    run(max(runs, 2), 1, "full", "stored")
    run(_REFRESHES, 1, "refresh")
    shutil.rmtree(arena.kept(shop), ignore_errors=True)
    return measured


def _where(shop: BenchmarkShop, cutoffs: int) -> str:
    at = "1 cutoff" if cutoffs == 1 else f"{cutoffs} cutoffs"
    return f"{shop.lines / 1e6:.3g} M lines, {at}"


def _shop(arena: Arena, size: int, progress: Progress) -> BenchmarkShop:
    return benchmark_shop(arena.folder / "shops" / str(size), size, progress=progress)


def rows(results: Results, most: int) -> list[Row]:
    """Hold the measurements against the bars.

    Parameters
    ----------
    most
        Lines of the largest shop that pandas and the limit have bars on.
    """
    table = [row for shop in results.compared for row in _rows_beside_hand_sql(results, shop)]
    rivalled = max((s for s in results.compared if s.lines <= 1.1 * most), key=lambda s: s.lines)
    for cutoffs, bar in ((1, 5.0), (_MANY, 3.0)):
        said = results.fitting(rivalled, cutoffs)
        times = results.of("pandas_loop", rivalled, cutoffs, "subset").seconds / said["ours s"]
        where = f"subset, {_where(rivalled, cutoffs)}"
        table.append(Row(f"{where}: pandas / ours", times, ">=", bar, said))
    limit, ours = (results.of(name, rivalled, _MANY, "subset").seconds for name in (_LIMIT, "ours"))
    table.append(
        Row(f"subset, {_where(rivalled, _MANY)}: ours / limit", ours / limit, "<=", 9.0,
            {"limit s": limit, "ours s": ours})
    )  # fmt: skip
    return [*table, *_rows_about_ourselves(results, results.shops[-1])]


def _rows_beside_hand_sql(results: Results, shop: BenchmarkShop) -> list[Row]:
    """Compare on the subset, where hand-written SQL fits."""
    table = []
    for cutoffs in (1, _MANY):
        said = results.fitting(shop, cutoffs)
        if "hand_sql s" in said:
            what = f"subset, {_where(shop, cutoffs)}: ours / hand-written SQL"
            table.append(Row(what, said["ours s"] / said["hand_sql s"], "<=", 1.15, said))
    return table


def _rows_about_ourselves(results: Results, large: BenchmarkShop) -> list[Row]:
    full = results.of("ours", large, _MANY, "full")
    checked = results.of("ours", large, _MANY, "checked").seconds
    raw, stored, rebuilt, fresh = (
        results.of("ours", large, 1, job).seconds
        for job in ("full", "stored", "rebuild", "refresh")
    )
    many, one = (f"full set, {_where(large, cutoffs)}" for cutoffs in (_MANY, 1))
    taken = {shop.lines: results.of("ours", shop, _MANY, "full").seconds for shop in results.shops}
    said = {f"{lines / 1e6:.3g} M s": seconds for lines, seconds in taken.items()}
    # A line needs two points.
    slope = (
        [Row("full set: log-log slope of seconds over lines", _slope(taken), "<=", 1.05, said)]
        if len(taken) > 1
        else []
    )
    return [
        *slope,
        Row(f"{many}: peak memory, GB", full.memory_gb, "<=", 6.0, {"s": full.seconds}),
        Row(f"{many}: temporary disk, GB", full.disk_gb, "<=", 20.0),
        Row(f"{one}: from raw files / from stored roll-ups", raw / stored, ">=", 2.5,
            {"raw s": raw, "stored s": stored}),
        Row(f"{large.lines / 1e6:.3g} M lines: refresh of 1 day of 730 / rebuild",
            fresh / rebuilt, "<=", 0.05, {"refresh s": fresh, "rebuild s": rebuilt}),
        Row(f"{many}: what validation adds", checked / full.seconds - 1, "<=", 0.2,
            {"checked s": checked, "unchecked s": full.seconds}),
    ]  # fmt: skip


def _slope(seconds: Mapping[int, float]) -> float:
    """Fit a line through the logarithms of lines and seconds."""
    lines = np.log(list(seconds))
    return float(np.polyfit(lines - lines.mean(), np.log(list(seconds.values())), 1)[0])


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
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[1_000_000, 3_000_000, 10_000_000],
        help="order lines of the shops; rivals run on the smallest and the largest",
    )  # fmt: skip
    parser.add_argument("--huge", type=int, help="one more shop, as 100000000 lines: once each")
    parser.add_argument("--rival-runs", type=int, default=3)
    parser.add_argument("--own-runs", type=int, default=2)
    parser.add_argument("--memory-limit", default="4GB", help="of DuckDB, ours and the rivals'")
    parser.add_argument("--fresh", action="store_true", help="measure all anew")
    folder = Path(tempfile.gettempdir()) / "regulars-benchmark"
    parser.add_argument("--folder", type=Path, default=folder, help="where data is kept")
    given = parser.parse_args()
    plan = Plan(tuple(sorted(given.sizes)), given.huge, given.rival_runs, given.own_runs)
    folder, cores, disk = given.folder.resolve(), available_cores(), "20GB"
    terms = f"{machine()}, {given.memory_limit}, {disk}"
    ledger = Ledger.open(folder / "measured.json", terms, fresh=given.fresh)
    return plan, Arena(folder, cores, given.memory_limit, disk, ledger)


def main() -> None:
    """Compare, measure, print."""
    plan, arena = _arguments()
    console = Console(width=150, highlight=False)
    with progress_bars(console) as progress:
        if arena.ledger.compared is None:
            shop = _shop(arena, _AGREEMENT_LINES, progress)
            arena.ledger.compared = agree(arena, shop, progress)
        console.print(
            f"Every rival's vectors equal ours in every column: {arena.ledger.compared:,} compared."
        )
        results = measure(arena, plan, progress)
    show_all(console, results.measured)
    report("features", f"The feature engine on {machine()}", rows(results, max(plan.sizes)))


if __name__ == "__main__":
    main()
