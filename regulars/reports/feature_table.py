"""The feature report in a terminal: one table per family, one row per column."""

from __future__ import annotations

from typing import Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from features.family import Family
from features.wording import counted
from regulars.reports.feature_findings import (
    JOBS,
    FeatureFindings,
    barely_covered,
    figure,
    most_important,
    most_shifted,
    percent,
    spread,
    stability,
    uniform,
    unit_name,
)

_STYLES = {"stable": "green", "moved": "yellow", "shifted": "bold red", "uniform": "dim"}
_LISTED = 5
_WIDEST_NAME = 30


def show_feature_table(console: Console, findings: FeatureFindings) -> None:
    """Print all families, then the most important, shifted and barely covered columns."""
    console.print(
        f"  {counted(len(findings.frame), 'feature column')} of {escape(findings.shop)}: "
        f"{counted(findings.customers_now, 'customer')} as of {findings.now}, compared with "
        f"{findings.customers_then:,} as of {findings.then}"
    )
    console.print(f"  Of customers with {findings.population}.\n")
    for family in findings.families:
        console.print(_family_table(findings, family))
    _show_summary(console, findings)
    for note in findings.notes:
        console.print(f"  [yellow]{escape(note)}[/]")


def _family_table(findings: FeatureFindings, family: Family) -> Table:
    table = Table(
        title=f"[bold]{escape(family.name)}[/]: {escape(family.meaning)}",
        title_justify="left",
        title_style="",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        expand=True,
    )
    longest = int(findings.frame["column"].str.len().max())
    table.add_column("column", width=min(longest, _WIDEST_NAME), overflow="fold")
    table.add_column("meaning, unit", ratio=1)
    for heading, width in (("cover", 5), ("median", 7), ("5 to 95 %", 15), ("drift", 12)):
        table.add_column(heading, width=width, justify="right", overflow="fold")
    for job in findings.champions:
        table.add_column(job, width=5, justify="right")
    for _, row in findings.of_family(family).iterrows():
        table.add_row(*_cells(row, findings))
    return table


def _cells(row: pd.Series[Any], findings: FeatureFindings) -> list[str]:
    category = row["kind"] == "category"
    beside = "" if category else f" · {unit_name(row['unit'], findings.currency)}"
    if row["coverage_now"] < 1:
        beside += f" · missing: {row['missing']}"
    median = (
        f"{row['distinct_now']:,} names" if category else figure(row["median_now"], row["unit"])
    )
    return [
        escape(row["column"]),
        f"{escape(row['meaning'])}[dim]{escape(beside)}[/]",
        percent(row["coverage_now"]),
        median,
        escape(row["top_values_now"])
        if category
        else spread(row["p5_now"], row["p95_now"], row["unit"]),
        f"[{_STYLES[row['drift']]}]{row['drift']} {stability(row['psi'])}[/]",
        *(percent(row[f"importance_{job}"]) for job in findings.champions),
    ]


def _show_summary(console: Console, findings: FeatureFindings) -> None:
    frame = findings.frame
    for job in JOBS:
        if job not in findings.champions:
            continue
        shares = most_important(frame, job, _LISTED)
        _show_list(console, f"Most important for {job}", shares, f"importance_{job}")
    shifted, bare = most_shifted(frame, len(frame)), barely_covered(frame, len(frame))
    _show_list(console, "Most shifted (PSI)", shifted, "psi")
    _show_list(console, "Barely covered", bare, "coverage_now")
    if uniform(frame):
        names = escape(", ".join(uniform(frame)))
        console.print(f"  [bold]The same for every customer of a cutoff:[/] {names}")


def _show_list(console: Console, heading: str, rows: pd.DataFrame, measure: str) -> None:
    shown = [
        f"{escape(row['column'])} {_measure(row[measure], measure)}"
        for _, row in rows.head(_LISTED).iterrows()
    ]
    if len(rows) > _LISTED:
        shown.append(f"and {len(rows) - _LISTED} more")
    console.print(f"  [bold]{heading}:[/] {', '.join(shown) or 'none'}")


def _measure(value: float, measure: str) -> str:
    return stability(value) if measure == "psi" else percent(value)
