"""DuckDB: one machine, out of core within the limits of the settings."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import duckdb
import ibis
import ibis.expr.types as ir
import pandas as pd

from features.engine import BUCKET, SOURCE_FILE, SOURCE_ROW, compile_sql
from features.errors import DataError
from features.settings import EngineSettings

_MOST_CUTOFFS_AT_A_TIME = 100


def sql_literal(text: str) -> str:
    """Quote ``text`` as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


class DuckDBEngine:
    """One DuckDB connection with its limits set and its clock on UTC."""

    numbers_customers = True

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection

    def execute(self, sql: str) -> duckdb.DuckDBPyConnection:
        """Run one SQL statement.

        Raises
        ------
        DataError
            It needs more disk than ``engine.temp_limit`` or memory than ``engine.memory_limit``.
        """
        try:
            return self.connection.execute(sql)
        except duckdb.OutOfMemoryException as error:
            raise DataError(
                f"DuckDB ran out of what it may use: {str(error).splitlines()[0]}",
                "raise engine.memory_limit or engine.temp_limit, or set engine.buckets higher: "
                "more buckets need less at a time",
            ) from error

    def bind(self, name: str) -> ir.Table:
        """Return the named table or view as an Ibis expression with its real schema."""
        described = self.execute(f"DESCRIBE {name}").fetchall()
        return _table(name, tuple((row[0], row[1]) for row in described))

    def read_csv(self, name: str, file: Path) -> ir.Table:
        """Open a CSV file as text columns with ``source_file`` and ``source_row``."""
        # The quote is stated, not guessed: the first one may come far below the sampled rows.
        how = "header = true, all_varchar = true, quote = '\"', escape = '\"'"
        relation = f"read_csv({sql_literal(str(file))}, {how})"
        return self._numbered(name, file, relation)

    def read_database(self, name: str, file: Path, table: str) -> ir.Table:
        """Open a table of a DuckDB file with ``source_file`` and ``source_row``."""
        alias = _identifier(f"source_{abs(hash(file))}")
        self.execute(f"ATTACH IF NOT EXISTS {sql_literal(str(file))} AS {alias} (READ_ONLY)")
        return self._numbered(name, file, f"{alias}.{_identifier(table)}")

    def read_parquet(self, name: str, files: Sequence[Path]) -> ir.Table:
        """Open Parquet files of one shape with ``source_file`` and ``source_row``."""
        listed = ", ".join(sql_literal(str(file)) for file in files)
        relation = f"read_parquet([{listed}], filename = true, file_row_number = true)"
        columns = self._readable(relation, {"filename", "file_row_number"})
        return self._view(
            name,
            f"SELECT {columns}, filename AS {SOURCE_FILE}, file_row_number + 1 AS {SOURCE_ROW} "
            f"FROM {relation}",
        )

    def open(self, name: str, paths: Sequence[Path]) -> ir.Table:
        """Open Parquet files of the workspace, or folders of them; at least one must exist."""
        listed = ", ".join(
            sql_literal(str(path / "**/*.parquet" if path.is_dir() else path)) for path in paths
        )
        return self._view(
            name, f"SELECT * FROM read_parquet([{listed}], hive_partitioning = false)"
        )

    def register(self, name: str, frame: pd.DataFrame) -> ir.Table:
        """Copy a frame into a temporary table."""
        self.connection.register("incoming_frame", frame)
        self.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM incoming_frame")
        self.connection.unregister("incoming_frame")
        return self.bind(name)

    def create(self, name: str, expression: ir.Table) -> ir.Table:
        """Compute an expression once, into a temporary table."""
        return self._created(name, _stored(expression))

    def create_all(self, expressions: Mapping[str, ir.Table]) -> list[ir.Table]:
        """Compute expressions one after the other, each into the temporary table of its name.

        While one is computed another thread compiles the next to SQL.
        """
        with ThreadPoolExecutor(max_workers=1) as ahead:
            return [
                self._created(name, sql)
                for name, sql in zip(
                    expressions, ahead.map(_stored, expressions.values()), strict=True
                )
            ]

    def drop(self, *names: str) -> None:
        """Drop temporary tables, where they exist."""
        for name in names:
            self.execute(f"DROP TABLE IF EXISTS {name}")

    def frame(self, expression: ir.Table) -> pd.DataFrame:
        """Run an expression and return its rows."""
        return self.execute(compile_sql(expression)).df()

    def write(self, expression: ir.Table, folder: Path, part: str) -> None:
        """Add an expression's rows to a folder of Parquet files; see :class:`Engine`."""
        folder.mkdir(parents=True, exist_ok=True)
        parquet = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1"
        if BUCKET in expression.columns:
            self.execute(
                f"COPY ({_stored(expression)}) TO {sql_literal(str(folder))} ({parquet}, "
                f"PARTITION_BY ({BUCKET}), FILENAME_PATTERN {sql_literal(part + '-{i}')}, "
                "OVERWRITE_OR_IGNORE)"
            )
            return
        partial, whole = folder / f"{part}.partial", folder / f"{part}.parquet"
        self.execute(f"COPY ({_stored(expression)}) TO {sql_literal(str(partial))} ({parquet})")
        partial.replace(whole)

    def content_hash(self, table: ir.Table) -> int:
        """Return the sum of all rows' hashes: independent of their order, and additive."""
        columns = ", ".join(_identifier(name) for name in table.columns)
        sql = f"SELECT sum(hash({columns})) FROM ({compile_sql(table)})"
        return int(self.execute(sql).fetchall()[0][0] or 0)

    def _created(self, name: str, sql: str) -> ir.Table:
        self.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql}")
        return self.bind(name)

    def _numbered(self, name: str, file: Path, relation: str) -> ir.Table:
        return self._view(
            name,
            f"SELECT {self._readable(relation)}, {sql_literal(str(file))} AS {SOURCE_FILE}, "
            f"row_number() OVER () AS {SOURCE_ROW} FROM {relation}",
        )

    def _readable(self, relation: str, without: Collection[str] = ()) -> str:
        """Select a relation's columns; those of types unknown to Ibis as text."""
        described = self.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
        return ", ".join(
            _identifier(row[0])
            if _is_known(row[1])
            else f"{_identifier(row[0])}::VARCHAR AS {_identifier(row[0])}"
            for row in described
            if row[0] not in without
        )

    def _view(self, name: str, sql: str) -> ir.Table:
        self.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {sql}")
        return self.bind(name)


@contextmanager
def open_duckdb(settings: EngineSettings, temp_folder: Path) -> Iterator[DuckDBEngine]:
    """Open DuckDB in memory with limits; what does not fit spills into ``temp_folder``."""
    connection = duckdb.connect(":memory:")
    try:
        connection.execute(f"SET memory_limit = {sql_literal(settings.memory_limit)}")
        connection.execute(f"SET temp_directory = {sql_literal(str(temp_folder))}")
        connection.execute(f"SET max_temp_directory_size = {sql_literal(settings.temp_limit)}")
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET enable_progress_bar = false")
        # A nested loop pairs facts with the few cutoffs in their stored order; the alternative
        # sorts the facts, and a customer's rows would no longer be adjacent.
        connection.execute(f"SET nested_loop_join_threshold = {_MOST_CUTOFFS_AT_A_TIME}")
        if settings.threads is not None:
            connection.execute(f"SET threads = {settings.threads}")
        yield DuckDBEngine(connection)
    finally:
        connection.close()


def _stored(expression: ir.Table) -> str:
    """Return the SQL of an expression whose sums of whole numbers stay whole numbers.

    DuckDB sums in 128 bits, a type that Parquet lacks: such columns would become floats.
    """
    sql = compile_sql(expression)
    whole = [name for name, kind in expression.schema().items() if kind.is_int64()]
    casts = ", ".join(f"{_identifier(name)}::BIGINT AS {_identifier(name)}" for name in whole)
    return f"SELECT * REPLACE ({casts}) FROM ({sql})" if whole else sql


_IBIS_TYPES = {
    '"NULL"': "string",
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


@functools.lru_cache(maxsize=1024)
def _table(name: str, columns: tuple[tuple[str, str], ...]) -> ir.Table:
    return ibis.table({column: _ibis_type(kind) for column, kind in columns}, name=name)


def _is_known(duckdb_type: str) -> bool:
    """Return whether Ibis knows a type; it does not know enumerations, identifiers, lists."""
    return duckdb_type in _IBIS_TYPES or duckdb_type.startswith("DECIMAL")


def _ibis_type(duckdb_type: str) -> str:
    if duckdb_type.startswith("DECIMAL"):
        return duckdb_type.lower()
    return _IBIS_TYPES[duckdb_type]
