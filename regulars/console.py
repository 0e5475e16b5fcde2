"""Output on the terminal: progress bars, tables, and errors that say what to do."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.progress import Progress as Bars
from rich.table import Table

from features.errors import RegularsError
from features.progress import Progress, Tick
from features.wording import counted

if TYPE_CHECKING:
    import pandas as pd

    from features.checks import TableReport
    from training.record import Outcome

_CHURN = ("roc_auc", "average_precision", "log_loss", "ece", "lift_at_10pct")
_VALUE = ("normalised_gini", "spearman", "total_bias", "decile_mape", "rmse")
_RECOMMEND = ("recall_at_10", "ndcg_at_10", "phr_at_10", "coverage_at_10")
_STATUS = {
    "promoted": "[green]promoted[/]",
    "backtest": "[green]accepted for scores of its own day[/] (the champion learned from later "
    "ones)",
    "kept": "[yellow]not promoted[/]",
}
_UPLIFT = ("qini", "low", "high", "lead", "lead_low", "lead_high")
HEADLINES = {"churn": _CHURN, "value": _VALUE, "recommend": _RECOMMEND, "uplift": _UPLIFT}


def make_console() -> Console:
    """Return a console on standard output, wide enough for tables when that is a pipe."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=120)


def show_error(error: RegularsError) -> None:
    """Print what is wrong and what to do, without a traceback."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"[bold red]Error:[/] {escape(error.problem)}")
    console.print(f"[bold green]Remedy:[/] {escape(error.remedy)}")


@contextmanager
def progress_bars(console: Console) -> Iterator[Progress]:
    """Show each stage of long work as a bar."""
    bars = Bars(
        SpinnerColumn(finished_text="[green]✓[/]"),
        TextColumn("{task.description:<30}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )

    def start(phrase: str, total: int) -> Tick:
        task = bars.add_task(phrase, total=total)
        return lambda: bars.advance(task)

    with bars:
        yield start


def show_checks(console: Console, reports: Sequence[TableReport], *, reused: bool) -> None:
    """Print how many rows of each table were kept, and each broken rule with its first example."""
    table = Table(title="Tables" + (" (unchanged since the last check)" if reused else ""))
    table.add_column("table")
    for heading in ("rows read", "kept", "set aside"):
        table.add_column(heading, justify="right")
    for report in reports:
        table.add_row(report.table, f"{report.rows_read:,}", f"{report.rows_kept:,}",
                      f"{report.rows_quarantined:,}")  # fmt: skip
    console.print(table)
    for report in reports:
        for count in report.rules:
            word = "expected" if count.expected else "bad"
            console.print(
                f"  {report.table}: {counted(count.rows, 'row')} {word}: {escape(count.problem)} "
                f"[dim]\\[{count.rule}] {escape(count.example())}[/]"
            )
            if not count.expected:
                console.print(f"    [green]Remedy:[/] {escape(count.remedy)}")
        if report.adjustments:
            console.print(
                f"  {report.table}: {counted(report.adjustments, 'row')} of adjustments, which are "
                "no goods: only their money counts"
            )
        if report.repetitions:
            console.print(
                f"  {report.table}: {counted(report.repetitions, 'row')} repeating an earlier one "
                "of the same files exactly: kept, as an order may hold equal lines. If the export "
                "doubled them, remove them there"
            )
        for notice in report.notices:
            console.print(f"  {report.table}: {escape(notice)}")


def show_scorecard(console: Console, outcome: Outcome) -> None:
    """Print a job's metrics beside those of its baselines, and the gate's verdict."""
    report = outcome.report
    horizon = report.definition.get("horizon_days", report.definition.get("window_days"))
    table = Table(title=f"{report.name}: test cutoff {report.test}, {horizon} days ahead")
    table.add_column("model")
    metrics = HEADLINES[report.name]
    for metric in metrics:
        table.add_column(metric, justify="right")
    for name, row in report.scorecard.iterrows():
        style = "bold" if name == report.name else ""
        table.add_row(str(name), *(_figure(row[metric]) for metric in metrics), style=style)
    console.print(table)
    show_verdict(console, outcome)
    for note in report.notes:
        console.print(f"  {escape(note)}")


def show_verdict(console: Console, outcome: Outcome) -> None:
    """Print whether a model was promoted, and why."""
    word = _STATUS[outcome.status]
    if outcome.status == "promoted" and outcome.is_first:
        word += ", the first of its kind"
    console.print(f"  {word}: {escape(outcome.verdict.reason)}")


def show_frame(console: Console, frame: pd.DataFrame, title: str) -> None:
    """Print a small frame."""
    table = Table(title=title)
    for name in frame.columns:
        table.add_column(str(name))
    for row in frame.itertuples(index=False):
        table.add_row(*(_cell(value) for value in row))
    console.print(table)


def _figure(value: float) -> str:
    return "" if math.isnan(value) else f"{value:,.4f}" if abs(value) < 100 else f"{value:,.0f}"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return _figure(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "" if value is None else escape(str(value))
