"""Open a user's table under our names: CSV, Parquet or DuckDB, one file or many.

What comes out is a view that still holds the user's values, with the file and row that each
came from; :mod:`features.checks` gives them types and judges them.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from glob import glob
from pathlib import Path

import duckdb
import ibis.expr.types as ir

from features.engine import Engine, is_known_type, sql_literal
from features.errors import DataError
from features.settings import SourceSettings
from features.vocabulary import ColumnSpec, TableSpec

SOURCE_INDEX = "source_index"
SOURCE_FILE = "source_file"
SOURCE_ROW = "source_row"


def source_files(source: SourceSettings, base: Path, table: str) -> list[Path]:
    """Return the files that a source names, sorted; a :class:`DataError` when there is none."""
    pattern = str(base / source.path)
    files = [Path(name) for name in sorted(glob(pattern))]  # noqa: PTH207  absolute globs
    if not files:
        raise DataError(
            f"{table}: no file matches {pattern}",
            f"correct the path under [[tables.{table}]]; relative paths start at {base.resolve()}",
        )
    for file in files:
        if file.stat().st_size == 0:
            raise DataError(
                f"{table}: the file {file} is empty (0 bytes)",
                "export it again, or take it out of the path",
            )
    return files


@contextmanager
def readable(spec: TableSpec, path: str) -> Iterator[None]:
    """Turn what DuckDB cannot read into a :class:`DataError` that names table and file."""
    try:
        yield
    except duckdb.Error as error:
        raise DataError(
            f"{spec.name}: cannot read {path}: {str(error).splitlines()[0]}",
            "check that the file is whole and of the kind that its name says",
        ) from error


def open_source(
    engine: Engine, spec: TableSpec, sources: tuple[SourceSettings, ...], base: Path
) -> ir.Table:
    """Make ``raw_<table>`` of all sources, columns renamed to ours, and return it."""
    parts = [
        part
        for index, source in enumerate(sources)
        for part in _source_selects(engine, spec, source, base, index)
    ]
    view = f"raw_{spec.name}"
    engine.execute(f"CREATE OR REPLACE TEMP VIEW {view} AS {' UNION ALL BY NAME '.join(parts)}")
    return engine.bind(view)


def _source_selects(
    engine: Engine, spec: TableSpec, source: SourceSettings, base: Path, index: int
) -> list[str]:
    files = source_files(source, base, spec.name)
    if files[0].suffix == ".parquet":
        listed = ", ".join(sql_literal(str(file)) for file in files)
        relation = f"read_parquet([{listed}], filename = true, file_row_number = true)"
        place = f"filename AS {SOURCE_FILE}, file_row_number + 1 AS {SOURCE_ROW}"
        return [_select(engine, spec, source, relation, place, index)]
    selects = []
    for file in files:
        relation = _relation(engine, spec, source, file)
        place = f"{sql_literal(str(file))} AS {SOURCE_FILE}, row_number() OVER () AS {SOURCE_ROW}"
        selects.append(_select(engine, spec, source, relation, place, index))
    return selects


def _relation(engine: Engine, spec: TableSpec, source: SourceSettings, file: Path) -> str:
    if file.suffix in {".csv", ".tsv", ".txt", ".gz"}:
        return f"read_csv({sql_literal(str(file))}, header = true, all_varchar = true)"
    if file.suffix in {".duckdb", ".db"}:
        if source.table is None:
            raise DataError(
                f"{spec.name}: {file} is a database, and no table in it is named",
                f'add table = "..." under [[tables.{spec.name}]]',
            )
        alias = f"source_{abs(hash(file))}"
        attach = f"ATTACH IF NOT EXISTS {sql_literal(str(file))} AS {alias} (READ_ONLY)"
        with readable(spec, str(file)):
            engine.execute(attach)
        return f'{alias}."{source.table}"'
    raise DataError(
        f"{spec.name}: {file} is of a kind that cannot be read ({file.suffix or 'no suffix'})",
        "bring CSV (.csv, .csv.gz, .tsv), Parquet (.parquet) or a DuckDB file (.duckdb)",
    )


def _select(
    engine: Engine,
    spec: TableSpec,
    source: SourceSettings,
    relation: str,
    place: str,
    index: int,
) -> str:
    with readable(spec, source.path):
        described = engine.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
    theirs = {row[0]: row[1] for row in described}
    columns = [
        f"{_value(theirs, name, column)} AS {column.name}"
        for column in spec.columns
        if (name := _their_name(spec, source, column, list(theirs))) is not None
    ]
    return f"SELECT {', '.join(columns)}, {index} AS {SOURCE_INDEX}, {place} FROM {relation}"


def _value(theirs: dict[str, str], name: str, column: ColumnSpec) -> str:
    quoted = '"' + name.replace('"', '""') + '"'
    if column.type == "string" and theirs[name] in {"DOUBLE", "FLOAT"}:
        # Whole numbers that a missing value turned into floats: 17850.0 is customer 17850.
        whole = f"TRY_CAST(CASE WHEN {quoted} = floor({quoted}) THEN {quoted} END AS HUGEINT)"
        return f"coalesce({whole}::VARCHAR, nullif({quoted}::VARCHAR, 'nan'))"
    # Times of nanoseconds, identifiers, enumerations: their text says it all.
    return quoted if is_known_type(theirs[name]) else f"{quoted}::VARCHAR"


def _their_name(
    spec: TableSpec, source: SourceSettings, column: ColumnSpec, found: list[str]
) -> str | None:
    """Return the user's name of a column, or None where an optional one is absent."""
    mapped = source.columns.get(column.name)
    name = mapped or column.name
    if name in found:
        return name
    if mapped is None and not column.required:
        return None
    close = difflib.get_close_matches(name, found, n=1, cutoff=0.5)
    guess = close[0] if close else "<its name in your file>"
    raise DataError(
        f"{spec.name}: column {column.name} ({column.meaning}) is looked for as '{name}', "
        f"which {source.path} does not have; it has: {', '.join(found)}",
        f'under [tables.{spec.name}.columns] set {column.name} = "{guess}"',
    )
