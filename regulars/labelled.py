"""The work of check, train and score on a plain table whose outcomes are known.

``regulars check``, ``regulars train churn`` and ``regulars score customers`` come here where the
settings have a section ``[labelled]``.
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from features.errors import DataError, RegistryError, SettingsError
from features.rules import REASONS
from features.vocabulary import Columns as C
from features.wording import counted, first_few
from regulars.console import HEADLINES, progress_bars, show_verdict
from regulars.files import write_frame
from regulars.settings import Settings
from regulars.shop import read_customers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from features.engine import Engine
    from training.given_label.job import LabelledReport
    from training.given_label.settings import LabelledSettings
    from training.given_label.table import LabelledTable
    from training.record import Outcome

QUARANTINE = Path("quarantine") / "labelled" / "rows.parquet"
_COLUMNS_SHOWN = 8


def check_labelled(console: Console, settings: Settings) -> None:
    """Check the labelled table, and print its columns and the rows that are set aside."""
    _show_table(console, settings, _read_labelled(settings)[1])


def train_labelled(console: Console, settings: Settings, job: str, now: datetime) -> None:
    """Train churn on the labelled table, judge it on held-out rows, promote it if the gate agrees.

    Without a time column the rows are held out by stratified cross-validation; with one, the
    latest fifth is, and drift is reported. While a column may leak the outcome, no model is
    promoted.

    Raises
    ------
    SettingsError
        A job other than churn is asked for.
    """
    if job not in {"churn", "all"}:
        raise SettingsError(
            f"only churn can be trained on a labelled table, not {job}",
            f"name order lines under [[tables.orders]] to train {job}, or run train churn",
        )
    from models.registry import open_client
    from training.given_label.job import train_given_label
    from training.given_label.record import record_given_label

    labelled, table = _read_labelled(settings)
    _show_table(console, settings, table)
    with progress_bars(console) as progress:
        found = train_given_label(table, labelled, now.date(), settings.training.seed, progress)
    client = open_client(settings.mlruns)
    outcome = record_given_label(
        client, found, settings.mlruns, settings.shop, table.fingerprint, now
    )
    _show_outcome(console, found, outcome)


def score_labelled(
    console: Console, settings: Settings, out: Path, customers: Path | None, table: Path | None
) -> None:
    """Write the probability and drivers of every row, or of the customers in a file.

    Parameters
    ----------
    table
        Rows to score instead of the labelled table's.

    Raises
    ------
    RegistryError
        No model has been promoted yet.
    """
    from models import registry
    from models.given_label.model import GivenLabelModel
    from training.given_label.scores import score_table
    from training.given_label.source import read_table
    from training.publishing.champions import model_name

    labelled = _labelled(settings)
    champion = registry.champion(
        registry.open_client(settings.mlruns), model_name(settings.shop.name, "churn")
    )
    if champion is None:
        raise RegistryError(
            f"{settings.shop.name} has no champion for churn yet",
            "run `regulars train churn`; it says why a model is not promoted",
        )
    wanted = None if customers is None else set(read_customers(customers))
    with _engine(settings) as engine:
        path = labelled.path if table is None else str(table.resolve())
        frame = read_table(engine, path, labelled.table, settings.base)
    if len(frame) == 0:
        raise DataError(f"{path} has no rows to score", "export it again")
    scored = score_table(frame, GivenLabelModel.load(champion.model_folder), labelled)
    if wanted is not None:
        scored = scored[scored[C.CUSTOMER_ID].isin(wanted)]
        if unknown := wanted - set(scored[C.CUSTOMER_ID]):
            console.print(f"  [yellow]{len(unknown):,} of the customers asked for are not in "
                          f"the table:[/] {escape(first_few(sorted(unknown)))}")  # fmt: skip
    write_frame(scored, out)
    labelled_rows = int(scored["label"].notna().sum())
    console.print(
        f"  Wrote {counted(len(scored), 'customer')} to {out}: probability that "
        f"{labelled.label} is {labelled.positive}, by churn version {champion.version}"
    )
    if labelled_rows:
        console.print(
            f"  {labelled_rows:,} of them have a label: the model may have learned from them, so "
            "judge it by its metrics in training and not by these scores"
        )


def _labelled(settings: Settings) -> LabelledSettings:
    if settings.labelled is None:
        raise SettingsError("the settings name no labelled table", "add a section [labelled]")
    return settings.labelled


def _read_labelled(settings: Settings) -> tuple[LabelledSettings, LabelledTable]:
    """Read and check the table; write the rows that are set aside into the quarantine."""
    from training.given_label.source import read_table
    from training.given_label.table import check_table

    labelled = _labelled(settings)
    with _engine(settings) as engine:
        frame = read_table(engine, labelled.path, labelled.table, settings.base)
    table = check_table(frame, labelled, settings.checks.tolerance)
    place = settings.workspace / QUARANTINE
    place.parent.mkdir(parents=True, exist_ok=True)
    write_frame(table.quarantine, place)
    return labelled, table


@contextmanager
def _engine(settings: Settings) -> Iterator[Engine]:
    from features.engines import open_engine

    # The table is read into memory as a whole: Spark would not help.
    limits = settings.engine.model_copy(update={"kind": "duckdb"})
    with open_engine(limits, settings.workspace / "tmp") as engine:
        yield engine


def _show_table(console: Console, settings: Settings, table: LabelledTable) -> None:
    """Print how many rows and columns there are, and what is set aside and why."""
    kinds = pd.Series(list(table.kinds.values())).value_counts()
    listed = ", ".join(f"{count} of {kind}" for kind, count in kinds.items())
    console.print(
        f"  {counted(len(table), 'row')}, {table.outcomes.mean():.1%} positive; columns: {listed}"
    )
    for name, reason in list(table.ignored.items())[:_COLUMNS_SHOWN]:
        console.print(f"  [dim]not learned from: {escape(name)}: {reason}[/]")
    if len(table.quarantine):
        reasons = table.quarantine[REASONS].str.rstrip(";").str.split(";").explode()
        listed = ", ".join(f"{n:,} {name}" for name, n in reasons.value_counts().items())
        place = settings.workspace / QUARANTINE
        console.print(f"  {counted(len(table.quarantine), 'row')} set aside ({listed}): {place}")


def _show_outcome(console: Console, found: LabelledReport, outcome: Outcome) -> None:
    """Print the metrics beside those of the baselines, suspected leaks, and the verdict."""
    report = found.report
    table = Table(title=f"churn: {report.definition['label']}; {report.definition['split']}")
    table.add_column("model")
    metrics = [name for name in HEADLINES["churn"] if name in report.scorecard]
    for metric in metrics:
        table.add_column(metric, justify="right")
    for name, row in report.scorecard.iterrows():
        style = "bold" if name == report.name else ""
        table.add_row(str(name), *(f"{row[metric]:.4f}" for metric in metrics), style=style)
    console.print(table)
    for suspect in found.suspects:
        console.print(
            f"  [bold red]Suspicion:[/] column '{escape(suspect.column)}' may give the outcome "
            f"away: {escape(suspect.evidence)}"
        )
        console.print(f"    [bold green]Remedy:[/] {escape(suspect.remedy)}")
    printed = {str(suspect) for suspect in found.suspects}
    for note in report.notes:
        if note not in printed and not note.startswith("not learned from"):
            style = "yellow" if note.startswith("drift") else "default"
            console.print(f"  [{style}]{escape(note)}[/]")
    show_verdict(console, outcome)
