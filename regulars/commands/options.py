"""Options that commands share, and the few checks that come before the work."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from features.errors import DataError
from regulars.settings import FILE_NAME

# Under which heading `regulars --help` lists a command.
RECORDS, MODELS, DECISIONS, SERVING = "Records", "Models", "Decisions", "Serving"
YEAR_MONTH_DAY = "YYYY-MM-DD"

Config = Annotated[Path, typer.Option("--config", "-c", help="The shop's settings file.")]
AsOf = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d"],
        metavar=YEAR_MONTH_DAY,
        help="Use only what was known before this day (UTC).",
    ),
]
Out = Annotated[Path, typer.Option(help="Where to write: .parquet or .csv.")]
Customers = Annotated[
    Path | None, typer.Option(help="Only these: a file with one customer id a line, or a CSV.")
]
DEFAULT_CONFIG = Path(FILE_NAME)


def now_utc() -> datetime:
    """Return the time now, naive UTC."""
    return datetime.now(UTC).replace(tzinfo=None)


def day_of(moment: datetime | None) -> date | None:
    """Return the day of an option that is a time."""
    return None if moment is None else moment.date()


def must_be_writable(out: Path) -> None:
    """Refuse an unknown kind of file before the work, not after it."""
    if out.suffix not in {".parquet", ".csv"}:
        raise DataError(f"cannot write {out}: unknown kind {out.suffix!r}", "use .parquet or .csv")
    if not out.resolve().parent.is_dir():
        raise DataError(f"there is no folder {out.resolve().parent}", "create it first")
