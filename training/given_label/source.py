"""Open the user's plain table with all its columns: CSV, Parquet or a database."""

from __future__ import annotations

import tempfile
from pathlib import Path

import ibis.expr.types as ir
import pandas as pd

from features import postgres
from features.engine import SOURCE_FILE, SOURCE_ROW, Engine
from features.errors import DataError
from features.sources import matching_files, readable
from features.vocabulary import TableSpec

NAME = "labelled"
_SPEC = TableSpec(NAME, "one customer with its outcome", ())
_TEXT = (".csv", ".tsv", ".txt", ".gz")
_DATABASES = (".duckdb", ".db")


def read_table(engine: Engine, path: str, table: str | None, base: Path) -> pd.DataFrame:
    """Return every column and row, with ``source_file`` and ``source_row``.

    Parameters
    ----------
    path
        As in the settings, relative to ``base``.

    Raises
    ------
    DataError
        There is no such file or table, or it cannot be read.
    """
    with readable(_SPEC, path):
        if postgres.is_postgres(path):
            with tempfile.TemporaryDirectory() as landing:
                landed = postgres.land_table(path, _named(path, table), None, Path(landing))
                return engine.frame(engine.read_csv(NAME, landed))
        files = matching_files(path, base, NAME, "labelled.path")
        frames = [engine.frame(_open(engine, file, table, n)) for n, file in enumerate(files)]
    return pd.concat(frames, ignore_index=True)


def user_columns(frame: pd.DataFrame) -> list[str]:
    """Return the names of the user's own columns."""
    return [str(name) for name in frame.columns if name not in {SOURCE_FILE, SOURCE_ROW}]


def _open(engine: Engine, file: Path, table: str | None, number: int) -> ir.Table:
    name = f"{NAME}_{number}"
    if file.suffix == ".parquet":
        return engine.read_parquet(name, [file])
    if file.suffix in _TEXT:
        return engine.read_csv(name, file)
    if file.suffix in _DATABASES:
        return engine.read_database(name, file, _named(str(file), table))
    raise DataError(
        f"{NAME}: {file} is of a kind that cannot be read ({file.suffix or 'no suffix'})",
        "bring CSV (.csv, .csv.gz, .tsv), Parquet (.parquet), a DuckDB file (.duckdb) or a "
        "postgresql:// address",
    )


def _named(place: str, table: str | None) -> str:
    if table is None:
        raise DataError(
            f"{NAME}: {place} is a database, and no table in it is named",
            'set labelled.table = "..."',
        )
    return table
