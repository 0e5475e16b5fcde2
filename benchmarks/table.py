"""The result table of a benchmark: measurement, ours, the bar, reached or missed, and peers."""

from __future__ import annotations

import json
import operator
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import pandas as pd
from rich.console import Console
from rich.table import Table

Op = Literal[">=", "<=", ">"]

RESULTS = Path(__file__).parent / "results"
_COMPARE = {">=": operator.ge, "<=": operator.le, ">": operator.gt}


@dataclass(frozen=True)
class Row:
    """One measured number and its bar, with peers of the same run beside it."""

    what: str
    value: float
    op: Op
    bar: float
    beside: dict[str, float] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the bar is reached."""
        return bool(_COMPARE[self.op](self.value, self.bar))


def metric_row(scorecard: pd.DataFrame, model: str, metric: str, op: Op, bar: float) -> Row:
    """Return a model's metric against its bar, with the other models of its scorecard beside it."""
    values = scorecard[metric].dropna()
    beside = {str(name): float(value) for name, value in values.drop(index=model).items()}
    return Row(f"{model} {metric}", float(values[model]), op, bar, beside)


def report(name: str, title: str, rows: Sequence[Row]) -> None:
    """Print the table and write ``results/<name>.json``; a missed bar is printed as missed."""
    table = Table(title=title)
    for heading in ("what", "ours", "bar", "", "beside"):
        table.add_column(heading, justify="right" if heading in {"ours", "bar"} else "left")
    for row in rows:
        beside = ", ".join(f"{rival} {value:.4f}" for rival, value in row.beside.items())
        word = "[green]reached[/]" if row.ok else "[red]MISSED[/]"
        table.add_row(row.what, f"{row.value:.4f}", f"{row.op} {row.bar:.4f}", word, beside)
    Console(width=150, highlight=False).print(table)
    RESULTS.mkdir(exist_ok=True)
    stored = [{**asdict(row), "ok": row.ok} for row in rows]
    (RESULTS / f"{name}.json").write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
