"""Many rows into a table with few calls of the database; those whose key is there stay out.

The threads of one process run Python in turn. A driver that is called for each row asks for its
turn as often, and takes it from the answers that are being given meanwhile; SQLite does a whole
group of rows in one call, beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import chain
from typing import Any, Final, Protocol

import sqlalchemy as sql
from sqlalchemy.dialects import postgresql

Row = tuple[Any, ...]

# Rows of one statement: any group that is usual under load in one, larger ones in few. Not all
# sizes: each connection keeps every statement prepared, and one of 100 rows takes 100 kB.
_SIZES: Final = (100, 32, *range(16, 0, -1))


class Executed(Protocol):
    """What a call of the database returns."""

    @property
    def rowcount(self) -> int:
        """How many rows were written."""
        ...


def unless_there(table: sql.Table) -> postgresql.Insert:
    """Return PostgreSQL's statement that inserts rows whose key is not there yet."""
    return postgresql.insert(table).on_conflict_do_nothing()


def insert_written(
    execute: Callable[[str, Row], Executed],
    table_name: str,
    names: Sequence[str],
    rows: Sequence[Row],
) -> int:
    """Insert rows in SQLite, and return how many were not there yet.

    Parameters
    ----------
    execute
        Runs one statement of SQL with its values.
    names
        The columns; each row has their values in this order, written as SQLite keeps them.
    """
    columns = tuple(names)
    inserted = 0
    for group in _groups(rows):
        statement = _statement(table_name, columns, len(group))
        inserted += execute(statement, tuple(chain.from_iterable(group))).rowcount
    return inserted


def _groups(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
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
