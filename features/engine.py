"""What the room needs from an engine: DuckDB on one machine, Spark where that is outgrown.

Queries are written once, as Ibis expressions. Ibis serves as a compiler only: each engine runs
the SQL on its own connection, which is faster than Ibis' live backends and keeps everything
particular to an engine in one file.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import ibis
import ibis.expr.types as ir
import pandas as pd

from features.spark_sql import spark_sql

SOURCE_FILE = "source_file"
SOURCE_ROW = "source_row"
BUCKET = "bucket"


class EngineError(Exception):
    """The engine cannot run a query or read its files; the message is one line that says why."""


class Engine(Protocol):
    """What the room asks of an engine; names are those of temporary views and tables.

    Attributes
    ----------
    numbers_customers
        Whether vectors are computed faster with integers in place of customer ids; see
        :mod:`features.numbering`.
    """

    numbers_customers: bool

    def read_csv(self, name: str, file: Path) -> ir.Table:
        """Open a CSV file as text columns with ``source_file`` and ``source_row``."""

    def read_parquet(self, name: str, files: Sequence[Path]) -> ir.Table:
        """Open Parquet files of one shape with ``source_file`` and ``source_row``."""

    def read_database(self, name: str, file: Path, table: str) -> ir.Table:
        """Open a table of a DuckDB file with ``source_file`` and ``source_row``."""

    def open(self, name: str, paths: Sequence[Path]) -> ir.Table:
        """Open Parquet files of the workspace, or folders of them; at least one must exist."""

    def register(self, name: str, frame: pd.DataFrame) -> ir.Table:
        """Copy a frame into a temporary table."""

    def create(self, name: str, expression: ir.Table) -> ir.Table:
        """Compute an expression once, into a temporary table."""

    def create_all(self, expressions: Mapping[str, ir.Table]) -> list[ir.Table]:
        """Compute expressions one after the other, each into the temporary table of its name."""

    def drop(self, *names: str) -> None:
        """Drop temporary tables, where they exist."""

    def frame(self, expression: ir.Table) -> pd.DataFrame:
        """Run an expression and return its rows."""

    def write(self, expression: ir.Table, folder: Path, part: str) -> None:
        """Add an expression's rows to a folder of Parquet files whose names begin with ``part``.

        Where there is a column ``bucket``, each of its values gets a folder ``bucket=<value>``.
        """

    def content_hash(self, table: ir.Table) -> int:
        """Return the sum of all rows' hashes: independent of their order, and additive."""


def compile_sql(expression: ir.Table, dialect: str = "duckdb") -> str:
    """Return the SQL of an Ibis expression."""
    return _compiled(expression.op(), dialect)


@functools.lru_cache(maxsize=512)
def _compiled(operation: Any, dialect: str) -> str:
    """Cache compilation: for small shops it takes longer than running the query."""
    if dialect == "pyspark":
        return spark_sql(operation.to_expr())
    return str(ibis.to_sql(operation.to_expr(), dialect=dialect, pretty=False))


def bucket_of(key: ir.Column, buckets: int) -> ir.IntegerValue:
    """Return the number of the share, 0 to ``buckets - 1``, that a key belongs to."""
    if buckets == 1:
        return ibis.literal(0, "int64")
    return ((key.hash() % buckets) + buckets) % buckets
