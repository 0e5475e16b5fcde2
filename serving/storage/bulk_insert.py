"""Many rows into a table with few calls of the database.

The threads of one process run Python in turn. A driver that is called for each row asks for its
turn as often, and takes it from the answers that are being given meanwhile; SQLite does a whole
group of rows in one call, beside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import chain
from typing import Any, Final, TypeVar

import sqlalchemy as sql
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import StatementError

Row = Mapping[str, Any]
_Row = TypeVar("_Row")

# Rows of one statement; SQLite takes 32,766 values in one. Few sizes: each connection keeps every
# statement prepared, and the larger ones take 100 kB and more of its memory.
_SIZES: Final = (100, 32, 16, 8, 4, 2, 1)


def insert_new(connection: sql.Connection, table: sql.Table, rows: Sequence[Row]) -> int:
    """Insert the rows whose key is not there yet, and return how many those were.

    Parameters
    ----------
    rows
        Each has the same columns.

    Raises
    ------
    sqlalchemy.exc.StatementError
        When a value cannot be written as its column's type.
    """
    if not rows:
        return 0
    if connection.dialect.name == "postgresql":
        return connection.execute(postgresql.insert(table).on_conflict_do_nothing(), rows).rowcount
    names = tuple(rows[0])
    written = [table.c[name].type.dialect_impl(connection.dialect) for name in names]
    converters = [kind.bind_processor(connection.dialect) for kind in written]
    columns = list(zip(names, converters, strict=True))
    try:
        written_rows = [
            tuple(convert(row[name]) if convert else row[name] for name, convert in columns)
            for row in rows
        ]
    except (TypeError, ValueError) as error:
        # As SQLAlchemy calls it, where it converts by itself.
        statement = _statement(table.name, names, 1)
        raise StatementError("a value cannot be written", statement, None, error) from error
    return insert_written(connection, table.name, names, written_rows)


def insert_written(
    connection: sql.Connection,
    table_name: str,
    names: tuple[str, ...],
    rows: Sequence[tuple[Any, ...]],
) -> int:
    """Do the same in SQLite with rows whose values are written as it keeps them."""
    inserted = 0
    for group in _groups(rows):
        values = tuple(chain.from_iterable(group))
        statement = _statement(table_name, names, len(group))
        inserted += connection.exec_driver_sql(statement, values).rowcount
    return inserted


def _groups(rows: Sequence[_Row]) -> Iterator[Sequence[_Row]]:
    """Cut rows into groups of the sizes that statements have, the largest first."""
    start = 0
    for size in _SIZES:
        while len(rows) - start >= size:
            yield rows[start : start + size]
            start += size


@cache
def _statement(table_name: str, names: tuple[str, ...], size: int) -> str:
    """Write the statement for SQLite."""
    one = f"({', '.join('?' * len(names))})"
    values = ", ".join([one] * size)
    return f"INSERT INTO {table_name} ({', '.join(names)}) VALUES {values} ON CONFLICT DO NOTHING"
