"""Options that commands share."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from regulars.settings import FILE_NAME

# The headings of `regulars --help`.
RECORDS, MODELS, DECISIONS, SERVING = "Records", "Models", "Decisions", "Serving"
YEAR_MONTH_DAY = "YYYY-MM-DD"

Config = Annotated[Path, typer.Option("--config", "-c", help="The shop's settings file.")]
AsOf = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d"],
        metavar=YEAR_MONTH_DAY,
        help="Use only what was known before this day (UTC); by default all.",
    ),
]
Out = Annotated[Path, typer.Option(help="File to write: .parquet or .csv.")]
Customers = Annotated[
    Path | None,
    typer.Option(
        help="Only these customers: a text file with one id per line, or a CSV file with a column "
        "customer_id; by default all."
    ),
]
DEFAULT_CONFIG = Path(FILE_NAME)


def now_utc() -> datetime:
    """Return the current time, naive UTC."""
    return datetime.now(UTC).replace(tzinfo=None)


def day_of(moment: datetime | None) -> date | None:
    """Return the day of an option that is a time."""
    return None if moment is None else moment.date()
