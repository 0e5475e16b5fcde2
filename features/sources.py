"""Open a user's table under our column names: CSV, Parquet or a database, from any number of files.

Values are still as the user wrote them, with their file and row; :mod:`features.casts` converts
them and :mod:`features.checks` checks them.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from typing import Any

import duckdb
import ibis.expr.types as ir

from features import csv_faults, postgres
from features.engine import SOURCE_FILE, SOURCE_ROW, Engine, EngineError
from features.errors import DataError
from features.settings import Sources, SourceSettings
from features.vocabulary import ColumnSpec, TableSpec

SOURCE_INDEX = "source_index"
_TEXT = (".csv", ".tsv", ".txt", ".gz")
_DATABASES = (".duckdb", ".db")


@dataclass(frozen=True)
class Place:
    """One file of one of a table's sources, or a table of a database.

    Attributes
    ----------
    index
        Which of the table's sources it belongs to, from 0.
    file
        The file; for a table in PostgreSQL, the folder that it is downloaded into.
    digest
        Digest of such a table's content, computed by the server; empty for files.
    """

    index: int
    source: SourceSettings
    file: Path
    digest: str = ""

    @property
    def signature(self) -> list[Any]:
        """Changes when the content does."""
        if self.digest:
            return [self.source.path, self.source.table, self.digest]
        state = self.file.stat()
        return [str(self.file), state.st_size, state.st_mtime_ns]

    @property
    def size_bytes(self) -> int:
        """Size of the file; 0 where the place is none."""
        return self.file.stat().st_size if self.file.is_file() else 0


def find_places(spec: TableSpec, sources: Sources, base: Path, landing: Path) -> list[Place]:
    """Return every place of every source of a table.

    Parameters
    ----------
    landing
        Folder for downloads from servers.

    Raises
    ------
    DataError
        A source has no file, or an empty one, or a database without the table.
    """
    places = []
    for index, source in enumerate(sources):
        if postgres.is_postgres(source.path):
            _, columns = _in_postgres(spec, source)
            digest = postgres.table_digest(source.path, _table_of(spec, source), columns)
            places.append(Place(index, source, landing / f"{spec.name}-{index}", digest))
        else:
            setting = f"the path under [[tables.{spec.name}]]"
            files = matching_files(source.path, base, spec.name, setting)
            places.extend(Place(index, source, file) for file in files)
    return places


def _in_postgres(spec: TableSpec, source: SourceSettings) -> tuple[str, list[str]]:
    """Return the table's name on the server, and the columns of it that are mapped."""
    table = _table_of(spec, source)
    found = list(postgres.table_columns(source.path, table))
    named = [_their_name(spec, source, column, found) for column in spec.columns]
    return table, [name for name in named if name is not None]


def _table_of(spec: TableSpec, source: SourceSettings) -> str:
    if source.table is None:
        raise DataError(
            f"{spec.name}: {source.path} is a database, and no table in it is named",
            f'add table = "..." under [[tables.{spec.name}]]',
        )
    return source.table


def matching_files(path: str, base: Path, what: str, setting: str) -> list[Path]:
    """Return the files of a path or pattern, sorted.

    Parameters
    ----------
    what, setting
        For error messages: what is read, and the setting that names the path.

    Raises
    ------
    DataError
        No file matches, or one is empty.
    """
    pattern = str(base / path)
    files = [Path(name) for name in sorted(glob(pattern))]  # noqa: PTH207  absolute globs
    if not files:
        raise DataError(
            f"{what}: no file matches {pattern}",
            f"correct {setting}; relative paths start at {base.resolve()}",
        )
    for file in files:
        if file.stat().st_size == 0:
            raise DataError(
                f"{what}: the file {file} is empty (0 bytes)",
                f"export it again, or take it out of {setting}",
            )
    return files


@contextmanager
def readable(spec: TableSpec, path: str) -> Iterator[None]:
    """Turn an engine's read error into a :class:`DataError` that names table and file."""
    try:
        yield
    except (duckdb.Error, EngineError) as error:
        problem, remedy = csv_faults.explain(str(error))
        raise DataError(f"{spec.name}: cannot read {path}: {problem}", remedy) from error


def open_places(
    engine: Engine, spec: TableSpec, places: Sequence[Place]
) -> Iterator[tuple[Place, ir.Table]]:
    """Open places under our column names; Parquet files of one source together."""
    done: set[int] = set()
    for number, place in enumerate(places):
        if place.index in done:
            continue
        name = f"raw_{spec.name}_{number}"
        with readable(spec, place.source.path):
            if place.file.suffix == ".parquet":
                done.add(place.index)
                together = [other.file for other in places if other.index == place.index]
                raw = engine.read_parquet(name, together)
            else:
                raw = _open(engine, spec, place, name)
        yield place, _renamed(raw, spec, place.source)


def _open(engine: Engine, spec: TableSpec, place: Place, name: str) -> ir.Table:
    if place.digest:
        table, columns = _in_postgres(spec, place.source)
        return engine.read_csv(
            name, postgres.land_table(place.source.path, table, columns, place.file)
        )
    if place.file.suffix in _TEXT:
        raw = engine.read_csv(name, place.file)
        theirs = [column for column in raw.columns if column not in {SOURCE_FILE, SOURCE_ROW}]
        if len(theirs) == 1 and (wrong := csv_faults.explain_unsplit(place.file, theirs[0])):
            raise DataError(f"{spec.name}: cannot read {place.file.name}: {wrong[0]}", wrong[1])
        return raw
    if place.file.suffix in _DATABASES:
        return engine.read_database(name, place.file, _table_of(spec, place.source))
    raise DataError(
        f"{spec.name}: {place.file} is of a kind that cannot be read "
        f"({place.file.suffix or 'no suffix'})",
        "bring CSV (.csv, .csv.gz, .tsv), Parquet (.parquet), a DuckDB file (.duckdb) or a "
        "postgresql:// address",
    )


def _renamed(raw: ir.Table, spec: TableSpec, source: SourceSettings) -> ir.Table:
    columns = {
        column.name: raw[name]
        for column in spec.columns
        if (name := _their_name(spec, source, column, list(raw.columns))) is not None
    }
    return raw.select(SOURCE_FILE, SOURCE_ROW, **columns)


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
    theirs = ", ".join(each for each in found if each not in {SOURCE_FILE, SOURCE_ROW})
    raise DataError(
        f"{spec.name}: column {column.name} ({column.meaning}) is looked for as '{name}', "
        f"which {source.path} does not have; it has: {theirs}",
        f'under [tables.{spec.name}.columns] set {column.name} = "{guess}"',
    )
