"""Read a user's table from PostgreSQL (11 or newer), by streaming one snapshot into a CSV file.

The server computes a digest of the rows, so that an unchanged table is not read again.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from features.errors import DataError
from features.postgres_session import read_only_session
from features.progress import Progress, Tick, silent

if TYPE_CHECKING:
    from psycopg import Connection

_SCHEMES = ("postgresql://", "postgres://")
_CAN_BE_INFINITE = {"date", "timestamp without time zone", "timestamp with time zone"}
_ROWS_PER_TICK = 1_000_000
_BUFFER_BYTES = 1 << 20

_TABLES = b"""
SELECT c.oid, n.nspname, c.relname, pg_catalog.pg_table_is_visible(c.oid)
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
ORDER BY n.nspname, c.relname
"""
_COLUMNS = b"""
SELECT a.attname, pg_catalog.format_type(coalesce(nullif(t.typbasetype, 0), t.oid), NULL)
FROM pg_catalog.pg_attribute AS a
JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""
# `ROW(r.*)` works whatever the columns are called; as text, NULL differs from an empty string.
_DIGEST = b"""
SELECT pg_catalog.count(*),
       pg_catalog.sum(pg_catalog.hashtextextended(ROW(r.*)::pg_catalog.text, 0))
FROM (%s) AS r
"""
# All values are quoted, so that readers which guess the dialect from the first rows guess right.
# It costs a fifth more disk and no time.
_COPY = b"COPY (%s) TO STDOUT (FORMAT csv, HEADER, FORCE_QUOTE *)"


@dataclass(frozen=True)
class _Relation:
    """A table or view as the server knows it, with the type of each column."""

    schema: str
    name: str
    types: dict[str, str]


def is_postgres(path: str) -> bool:
    """Return whether a source's path is the address of a PostgreSQL database."""
    return path.startswith(_SCHEMES)


def table_columns(url: str, table: str) -> tuple[str, ...]:
    """Return the names of a table's columns, in its order; errors as :func:`land_table`."""
    with read_only_session(url, table) as connection:
        return tuple(_find(connection, table).types)


def table_digest(url: str, table: str, columns: Sequence[str] | None = None) -> str:
    """Return a digest of all rows of some columns, computed by the server.

    It is the number of rows and the sum of the 64-bit hashes of their text: their order does not
    matter, repeated rows do. It costs the server one scan, about two million rows of six columns a
    second and core; only the result is transferred. Nothing cheaper is exact: PostgreSQL's
    counters of changes may be lost in a crash, and views have no row versions.

    Take the digest before landing: what changes in between is then read again next time.
    Errors as :func:`land_table`.
    """
    with read_only_session(url, table) as connection:
        relation = _find(connection, table)
        chosen = _chosen(relation, table, columns)
        rows = _select(connection, relation, chosen)
        [content] = connection.execute(_DIGEST % rows).fetchall()
    described = json.dumps([chosen, *map(str, content)])
    return hashlib.sha256(described.encode()).hexdigest()[:32]


def land_table(
    url: str,
    table: str,
    columns: Sequence[str] | None,
    folder: Path,
    progress: Progress = silent,
) -> Path:
    """Stream a table into ``<folder>/<table>.csv``, whole or not at all, and return that path.

    One read-only transaction sees one snapshot of the table. The file is UTF-8 CSV with a header:
    times are UTC and ISO 8601, floats have all their digits, booleans are ``t`` and ``f``, money
    is a plain number. A missing value is an empty field, and so is an infinite time, which means
    that there is no such date. An empty text is ``""``; the checks take both for missing. The file
    is not compressed: gzip would make it a quarter of the size and take three times as long, and
    the file is read only once.

    Parameters
    ----------
    table
        ``schema.table``, or ``table`` where the search path finds it; case-sensitive.
    columns
        The columns to read, or None for all.
    folder
        One for each source, since tables of two databases may share a name.
    progress
        Called after each million rows.

    Raises
    ------
    RegularsError
        psycopg is not installed.
    SettingsError
        The address holds a password, or is malformed.
    DataError
        No connection, no such table or column, no permission, or the stream broke.
    """
    landed = folder / f"{_file_name(table)}.csv"
    with read_only_session(url, table) as connection:
        relation = _find(connection, table)
        rows = _select(connection, relation, _chosen(relation, table, columns))
        # Several processes at once would deliver the rows in another order each time.
        connection.execute(b"SET LOCAL max_parallel_workers_per_gather = 0")
        tick = progress(f"Reading {table}, millions", _expected_ticks(connection, rows))
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _stream(connection, rows, landed, tick)
        except OSError as error:
            raise DataError(
                f"{table}: cannot write {landed}: {error.strerror}",
                "make room there, or choose another workspace",
            ) from error
    return landed


def _file_name(table: str) -> str:
    """Percent-encode characters that have a meaning in paths or glob patterns."""
    return re.sub(r"[^\w.-]", lambda found: quote(found[0], safe=""), table)


def _stream(connection: Connection[Any], rows: bytes, path: Path, tick: Tick) -> None:
    partial = path.with_name(f"{path.name}.partial")
    copy = connection.cursor().copy(_COPY % rows)
    try:
        with partial.open("wb", buffering=_BUFFER_BYTES) as file, copy as lines:
            # The server sends one message for the header and one for each row.
            for number, line in enumerate(lines):
                file.write(line)
                if number and number % _ROWS_PER_TICK == 0:
                    tick()
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    tick()


def _expected_ticks(connection: Connection[Any], rows: bytes) -> int:
    """Return the number of ticks that the server's planner expects, without counting rows."""
    [[[plan]]] = connection.execute(b"EXPLAIN (FORMAT json) %s" % rows).fetchall()
    return int(plan["Plan"]["Plan Rows"]) // _ROWS_PER_TICK + 1


def _find(connection: Connection[Any], table: str) -> _Relation:
    found = connection.execute(_TABLES).fetchall()
    names = [name if visible else f"{schema}.{name}" for _, schema, name, visible in found]
    for (oid, schema, name, _), shown in zip(found, names, strict=True):
        if table in {shown, f"{schema}.{name}"}:
            return _Relation(schema, name, dict(connection.execute(_COLUMNS, [oid]).fetchall()))
    close = difflib.get_close_matches(table, names, n=3, cutoff=0.5)
    listed = f"close to it: {', '.join(close)}" if close else f"it has: {_some(names)}"
    guess = close[0] if close else "<schema>.<table>"
    raise DataError(
        f"{table}: the database {connection.info.dbname} has no such table; {listed}",
        f'beside the path set table = "{guess}"',
    )


def _some(names: Sequence[str]) -> str:
    more = ", ..." if len(names) > 10 else ""
    return ", ".join(names[:10]) + more if names else "none"


def _chosen(relation: _Relation, table: str, columns: Sequence[str] | None) -> list[str]:
    chosen = list(relation.types) if columns is None else list(dict.fromkeys(columns))
    for name in chosen:
        if name not in relation.types:
            close = difflib.get_close_matches(name, relation.types, n=1, cutoff=0.5)
            guess = close[0] if close else "<its name in the table>"
            raise DataError(
                f"{table}: there is no column '{name}'; it has: {', '.join(relation.types)}",
                f'under its columns write "{guess}" in place of "{name}"',
            )
    return chosen


def _select(connection: Connection[Any], relation: _Relation, columns: Sequence[str]) -> bytes:
    from psycopg import sql  # noqa: PLC0415  an optional extra, and slow to load

    def value(name: str) -> sql.Composable:
        column = sql.Identifier(name)
        if relation.types[name] in _CAN_BE_INFINITE:
            finite = "CASE WHEN pg_catalog.isfinite({0}) THEN {0} END AS {0}"
            return sql.SQL(finite).format(column)
        if relation.types[name] == "money":
            return sql.SQL("{0}::pg_catalog.numeric AS {0}").format(column)
        return column

    listed = sql.SQL(", ").join(map(value, columns))
    place = sql.Identifier(relation.schema, relation.name)
    return sql.SQL("SELECT {} FROM {}").format(listed, place).as_bytes(connection)
