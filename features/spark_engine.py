"""Spark: the same expressions, where the data outgrow one machine.

Every machine of the cluster must see the user's files and the workspace under the same paths.
CSV is ambiguous, so both engines use one reader: DuckDB, on the driver, converts CSV files and
tables of databases to Parquet, which the executors read. Inside Spark times are instants in UTC;
in files and frames they are naive UTC.
"""

from __future__ import annotations

import itertools
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import ibis
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from features.duckdb_engine import DuckDBEngine, open_duckdb
from features.engine import BUCKET, SOURCE_FILE, SOURCE_ROW, EngineError, compile_sql
from features.settings import EngineSettings
from features.spark_session import cause, spark_errors, spark_session

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType


# Spark gives a file's path as a URL, in which a plus sign is literal.
_FILE = "regexp_replace(url_decode(replace(_metadata.file_path, '+', '%2B')), '^file:/+', '/')"


class SparkEngine:
    """A Spark session, and a folder for what is computed once."""

    numbers_customers = False

    def __init__(self, session: SparkSession, settings: EngineSettings, scratch: Path) -> None:
        self.session = session
        self.settings = settings
        self.scratch = scratch
        self._made: dict[str, Path] = {}
        self._numbers = itertools.count()

    def read_csv(self, name: str, file: Path) -> ir.Table:
        """Open a CSV file as text columns with ``source_file`` and ``source_row``."""
        return self._landed(name, lambda reader: reader.read_csv("landing", file))

    def read_database(self, name: str, file: Path, table: str) -> ir.Table:
        """Open a table of a DuckDB file with ``source_file`` and ``source_row``."""
        return self._landed(name, lambda reader: reader.read_database("landing", file, table))

    def read_parquet(self, name: str, files: Sequence[Path]) -> ir.Table:
        """Open Parquet files of one shape with ``source_file`` and ``source_row``."""
        reader = self.session.read.option("basePath", _url(_above_partitions(files[0])))
        with _plain_errors():
            rows = reader.parquet(*map(_url, files))
            nanoseconds = _nanosecond_columns(files[0])
        return self._view(
            name,
            rows.selectExpr(
                *(_readable(column, kind, nanoseconds) for column, kind in rows.dtypes),
                f"{_FILE} AS {SOURCE_FILE}",
                f"_metadata.row_index + 1 AS {SOURCE_ROW}",
            ),
        )

    def open(self, name: str, paths: Sequence[Path]) -> ir.Table:
        """Open Parquet files of the workspace, or folders of them; at least one must exist."""
        reader = self.session.read.option("recursiveFileLookup", "true")
        schema = _schema_of(paths[0])
        if schema is not None:
            reader = reader.schema(schema)
        return self._view(name, reader.parquet(*map(_url, paths)))

    def register(self, name: str, frame: pd.DataFrame) -> ir.Table:
        """Copy a frame into a temporary table."""
        folder = self._new_folder()
        folder.mkdir()
        frame.to_parquet(
            folder / "frame.parquet",
            index=False,
            coerce_timestamps="us",
            allow_truncated_timestamps=True,
        )
        return self._keep(name, folder)

    def create(self, name: str, expression: ir.Table) -> ir.Table:
        """Compute an expression once, into a temporary table.

        It is stored as Parquet: a lost machine loses nothing, and Spark knows the table's size,
        by which it plans joins.
        """
        folder = self._new_folder()
        self._rows(expression).write.parquet(_url(folder))
        return self._keep(name, folder)

    def create_all(self, expressions: Mapping[str, ir.Table]) -> list[ir.Table]:
        """Compute expressions one after the other, each into the temporary table of its name."""
        return [self.create(name, expression) for name, expression in expressions.items()]

    def drop(self, *names: str) -> None:
        """Drop temporary tables, where they exist."""
        for name in names:
            if name in self._made:
                self.session.catalog.dropTempView(name)
                shutil.rmtree(self._made.pop(name))

    def frame(self, expression: ir.Table) -> pd.DataFrame:
        """Run an expression and return its rows."""
        # Through DuckDB, for the same types; `toPandas` does not support pandas 3.
        rows = self._rows(expression).toArrow()
        with duckdb.connect() as connection:
            frame: pd.DataFrame = connection.from_arrow(rows).df()
        return frame

    def write(self, expression: ir.Table, folder: Path, part: str) -> None:
        """Add an expression's rows to a folder of Parquet files; see :class:`Engine`."""
        made = self._new_folder()
        rows = self._rows(expression)
        with _plain_errors():
            if BUCKET in expression.columns:
                # Brings a bucket's rows together, in as many files as their size requires.
                rows.hint("rebalance", BUCKET).write.partitionBy(BUCKET).parquet(_url(made))
            else:
                rows.write.parquet(_url(made))
        folder.mkdir(parents=True, exist_ok=True)
        for number, file in enumerate(sorted(made.rglob("*.parquet"))):
            target = folder / file.parent.relative_to(made)
            target.mkdir(exist_ok=True)
            shutil.move(file, target / f"{part}-{number}.parquet")
        shutil.rmtree(made)

    def content_hash(self, table: ir.Table) -> int:
        """Return the sum of all rows' hashes: independent of their order, and additive."""
        # Spark's hash skips missing values, so a flag for each is hashed, too.
        columns = ", ".join(f"{_name(name)}, isnull({_name(name)})" for name in table.columns)
        total = f"sum(cast(xxhash64({columns}) AS decimal(38, 0)))"
        return int(self._rows(table).selectExpr(total).collect()[0][0] or 0)

    def _rows(self, expression: ir.Table) -> DataFrame:
        """Return an expression's rows, not computed yet, with naive times."""
        rows = self.session.sql(compile_sql(expression, "pyspark"))
        instants = [name for name, kind in rows.dtypes if kind == "timestamp"]
        return rows.withColumns(
            {name: rows[_name(name)].cast("timestamp_ntz") for name in instants}
        )

    def _landed(self, name: str, read: Callable[[DuckDBEngine], ir.Table]) -> ir.Table:
        folder = self._new_folder()
        with open_duckdb(self.settings, self.scratch) as reader:
            reader.write(read(reader), folder, "landed")
        return self._keep(name, folder)

    def _keep(self, name: str, folder: Path) -> ir.Table:
        """Open the files of a temporary table, and drop the one that had its name before."""
        self.drop(name)
        self._made[name] = folder
        return self.open(name, [folder])

    def _new_folder(self) -> Path:
        return self.scratch / f"made-{next(self._numbers)}"

    def _view(self, name: str, rows: DataFrame) -> ir.Table:
        rows.createOrReplaceTempView(name)
        return ibis.table({column: _ibis_type(kind) for column, kind in rows.dtypes}, name=name)


@contextmanager
def open_spark(settings: EngineSettings, temp_folder: Path) -> Iterator[SparkEngine]:
    """Open Spark for a while.

    Parameters
    ----------
    temp_folder
        For temporary tables; every machine of the cluster must see it.

    Raises
    ------
    SettingsError
        PySpark or Java is missing, or Spark does not start.
    """
    temp_folder.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="spark-", dir=temp_folder.absolute()))
    try:
        with spark_session(settings, scratch) as session:
            yield SparkEngine(session, settings, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Turn Spark's errors about files that it cannot read into one line."""
    try:
        yield
    except (*spark_errors(), pa.ArrowException, OSError) as error:
        raise EngineError(cause(error)) from error


def _url(path: Path) -> str:
    """Return a path as a URL, since Spark's default file system may be another."""
    return f"file://{path.absolute()}"


def _above_partitions(file: Path) -> Path:
    """Return the folder above those named ``column=value``, which hold a column each."""
    named = [parent for parent in file.parents if "=" in parent.name]
    return named[-1].parent if named else file.parent


def _schema_of(path: Path) -> StructType | None:
    """Return the schema that Spark stored in a file; to infer it would take a Spark job."""
    from pyspark.sql.types import StructType  # noqa: PLC0415  an optional extra

    file = next(path.rglob("*.parquet")) if path.is_dir() else path
    noted = (pq.read_schema(file).metadata or {}).get(b"org.apache.spark.sql.parquet.row.metadata")
    return None if noted is None else StructType.fromJson(json.loads(noted))


def _nanosecond_columns(file: Path) -> frozenset[str]:
    schema = pq.read_schema(file)
    return frozenset(
        field.name
        for field in schema
        if pa.types.is_timestamp(field.type) and field.type.unit == "ns"
    )


def _readable(name: str, kind: str, nanoseconds: frozenset[str]) -> str:
    """Select a column; of a type unknown to Ibis, as text."""
    column = _name(name)
    if name in nanoseconds:
        return f"timestamp_micros({column} div 1000) AS {column}"
    return column if _is_known(kind) else f"cast({column} AS string) AS {column}"


def _name(column: str) -> str:
    return "`" + column.replace("`", "``") + "`"


_IBIS_TYPES = {
    "string": "string",
    "bigint": "int64",
    "int": "int32",
    "smallint": "int16",
    "tinyint": "int8",
    "double": "float64",
    "float": "float32",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp(6)",
    "timestamp_ntz": "timestamp(6)",
}


def _is_known(spark_type: str) -> bool:
    return spark_type in _IBIS_TYPES or spark_type.startswith("decimal")


def _ibis_type(spark_type: str) -> str:
    return spark_type if spark_type.startswith("decimal") else _IBIS_TYPES[spark_type]
