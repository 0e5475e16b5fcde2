"""The door to DuckDB: expressions are written in Ibis, compiled to SQL, and run here.

Ibis serves as a compiler only; the native connection is faster than its live backend, and
it is the one place that would change for another engine.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import ibis
import ibis.expr.types as ir
import pandas as pd

from features.settings import EngineSettings


def sql_literal(text: str) -> str:
    """Quote ``text`` as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def compile_sql(expression: ir.Table) -> str:
    """Return the DuckDB SQL of an Ibis expression."""
    return _compiled(expression.op())


@functools.lru_cache(maxsize=256)
def _compiled(operation: Any) -> str:
    """Compile once what is asked for often: for small shops it takes longer than the query."""
    return str(ibis.to_sql(operation.to_expr(), dialect="duckdb"))


class Engine:
    """One DuckDB connection with its limits set and its clock on UTC."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection

    def execute(self, sql: str) -> duckdb.DuckDBPyConnection:
        """Run one SQL statement."""
        return self.connection.execute(sql)

    def bind(self, name: str) -> ir.Table:
        """Return the named table or view as an Ibis expression with its real schema."""
        described = self.connection.execute(f"DESCRIBE {name}").fetchall()
        schema = {row[0]: _ibis_type(row[1]) for row in described}
        return ibis.table(schema, name=name)

    def bind_parquet(self, name: str, path: Path) -> ir.Table:
        """Make Parquet file(s) readable under ``name`` and return them as an expression."""
        self.execute(
            f"CREATE OR REPLACE VIEW {name} AS SELECT * FROM read_parquet({sql_literal(str(path))})"
        )
        return self.bind(name)

    def create(self, name: str, expression: ir.Table) -> ir.Table:
        """Materialise an expression as a temporary table and return it."""
        self.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {compile_sql(expression)}")
        return self.bind(name)

    def register(self, name: str, frame: pd.DataFrame) -> ir.Table:
        """Copy a frame into a temporary table and return it."""
        self.connection.register("incoming_frame", frame)
        self.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM incoming_frame")
        self.connection.unregister("incoming_frame")
        return self.bind(name)

    def frame(self, expression: ir.Table) -> pd.DataFrame:
        """Run an expression and return its rows."""
        return self.connection.execute(compile_sql(expression)).df()

    def write_parquet(self, expression: ir.Table, path: Path) -> None:
        """Write an expression's rows to ``path``, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        self.execute(
            f"COPY ({compile_sql(expression)}) TO {sql_literal(str(partial))} "
            "(FORMAT parquet, COMPRESSION zstd)"
        )
        partial.replace(path)


@contextmanager
def open_engine(settings: EngineSettings, temp_folder: Path) -> Iterator[Engine]:
    """Open DuckDB in memory with limits; what does not fit spills into ``temp_folder``."""
    temp_folder.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect(":memory:")
    try:
        connection.execute(f"SET memory_limit = {sql_literal(settings.memory_limit)}")
        connection.execute(f"SET temp_directory = {sql_literal(str(temp_folder))}")
        connection.execute(f"SET max_temp_directory_size = {sql_literal(settings.temp_limit)}")
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET enable_progress_bar = false")
        if settings.threads is not None:
            connection.execute(f"SET threads = {settings.threads}")
        yield Engine(connection)
    finally:
        connection.close()


_IBIS_TYPES = {
    "VARCHAR": "string",
    "BIGINT": "int64",
    "INTEGER": "int32",
    "SMALLINT": "int16",
    "TINYINT": "int8",
    "UTINYINT": "uint8",
    "USMALLINT": "uint16",
    "UINTEGER": "uint32",
    "UBIGINT": "uint64",
    "HUGEINT": "decimal(38, 0)",
    "DOUBLE": "float64",
    "FLOAT": "float32",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "TIMESTAMP": "timestamp(6)",
    "TIMESTAMP_NS": "timestamp(9)",
    "TIMESTAMP_MS": "timestamp(3)",
    "TIMESTAMP_S": "timestamp(0)",
    "TIMESTAMP WITH TIME ZONE": "timestamp('UTC', 6)",
}


def is_known_type(duckdb_type: str) -> bool:
    """Return whether a type is what expressions take it for; others are taken for text."""
    return duckdb_type in _IBIS_TYPES or duckdb_type.startswith("DECIMAL")


def _ibis_type(duckdb_type: str) -> str:
    if duckdb_type.startswith("DECIMAL"):
        return duckdb_type.lower()
    return _IBIS_TYPES.get(duckdb_type, "string")
