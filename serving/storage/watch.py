"""Whether other workers wrote anything, known at once, in SQLite.

Each connection to a database counts the commits of all others that it sees, this worker's own
among them. The groups that this worker wrote are known here, so that what it said to itself is
not read back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy as sql

_LATER: Final = "SELECT sequence, batch_id FROM journal WHERE sequence > ? ORDER BY sequence"


class Watch:
    """Distinguishes this worker's groups of events from those of others.

    :meth:`version` and :meth:`only_own_since` share one connection: only the thread that answers
    requests may ask them. The others use a set, in one step each, and any thread may.
    """

    def __init__(self, engine: sql.Engine) -> None:
        self._engine = engine
        self._connection: sql.PoolProxiedConnection | None = None
        self._own: set[str] = set()

    @contextmanager
    def writing(self, batch_id: str) -> Iterator[None]:
        """Mark a group as this worker's own; if writing it fails, forget it again."""
        # Before it becomes visible, so that it is never taken for another's.
        self._own.add(batch_id)
        try:
            yield
        except BaseException:
            self._own.discard(batch_id)
            raise

    def version(self) -> int | None:
        """Return SQLite's count of what other connections wrote: a few microseconds.

        Raises
        ------
        sqlalchemy.exc.SQLAlchemyError, sqlite3.Error
            When the database cannot be read.
        """
        if self._engine.dialect.name != "sqlite":
            return None
        ((version,),) = self._ask("PRAGMA data_version")
        return int(version)

    def only_own_since(self, group: int) -> int | None:
        """Return the number of the latest group when all after ``group`` are this worker's own.

        None when others wrote, or where it takes a query. Errors are those of
        :meth:`version`.
        """
        if self._engine.dialect.name != "sqlite":
            return None
        groups = {batch_id: sequence for sequence, batch_id in self._ask(_LATER, group)}
        if self.of_others(groups):
            return None
        self.passed(groups)
        return max(groups.values(), default=group)

    def of_others(self, groups: Mapping[str, int]) -> dict[str, int]:
        """Return those of some groups, number by id, that others wrote."""
        return {batch_id: groups[batch_id] for batch_id in groups.keys() - self._own}

    def passed(self, batch_ids: Iterable[str]) -> None:
        """Forget groups that will not be asked about again."""
        self._own.difference_update(batch_ids)

    def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            self._connection.close()

    def _ask(self, question: str, *values: Any) -> list[Any]:
        if self._connection is None:
            # It never writes, so that every write is another connection's.
            self._connection = self._engine.raw_connection()
            # Used by the thread that answers requests, so it must never wait for a lock.
            self._connection.cursor().execute("PRAGMA busy_timeout=0")
        cursor = self._connection.cursor()
        cursor.execute(question, values)
        found = cursor.fetchall()
        cursor.close()
        return list(found)
