"""What databases and their drivers raise, as errors of the store."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DataError, DBAPIError, SQLAlchemyError, StatementError

from serving.storage.store import StoreError, UnstorableError

# By SQLAlchemy for a statement that it could not send, or by SQLite's driver.
_OF_THE_VALUE: Final = (StatementError, sqlite3.DataError, OverflowError, UnicodeEncodeError)


@contextmanager
def store_errors() -> Iterator[None]:
    """Raise :class:`StoreError` for any error of a database, none of which quotes a value."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OverflowError, UnicodeEncodeError) as error:
        if _is_of_the_value(error):
            raise unstorable(error) from error
        raise StoreError(
            f"the event store failed: {type(error).__name__}",
            "Check that the database runs and its disk has room.",
        ) from error


def unstorable(error: Exception) -> UnstorableError:
    """Return what to raise for a value that no database takes."""
    return UnstorableError(
        f"a value cannot be stored: {type(error).__name__}",
        "Send Unicode text without NUL, and integers of at most 64 bits.",
    )


def _is_of_the_value(error: Exception) -> bool:
    """Return whether a value was refused, by SQLAlchemy, the driver or the database."""
    if isinstance(error, DBAPIError):
        return isinstance(error, DataError)
    return isinstance(error, _OF_THE_VALUE)
