"""Transactions that write in SQLite, by its own driver.

Groups of events are written hundreds of times a second. SQLAlchemy takes longer over the three
statements of a group than SQLite over its rows, and no answer can be given meanwhile.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import sqlalchemy as sql


@contextmanager
def writing_at_once(engine: sql.Engine) -> Iterator[sqlite3.Connection]:
    """Yield a connection in a transaction that is committed, thus durable, at the end.

    It takes its turn at once, so that nothing that is read before writing can be out of date.
    """
    pooled = engine.raw_connection()
    try:
        connection = cast(sqlite3.Connection, pooled.driver_connection)
        connection.execute("BEGIN IMMEDIATE")
        yield connection
        connection.commit()
    finally:
        # What was not committed is rolled back.
        pooled.close()
