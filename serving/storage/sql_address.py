"""Where the database is and how it is opened: driver, time limits, who may read its file."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sql

_PATIENCE_SECONDS: Final = 10

_PRAGMAS: Final = (
    # Of a new file. An event changes a page of the index by customer, which is written whole.
    "page_size=2048",
    "journal_mode=WAL",
    "synchronous=FULL",
    "busy_timeout=5000",
    # What is deleted is overwritten at once: an erased customer leaves no trace.
    "secure_delete=ON",
    # A thousand decisions in one transaction: what does not fit is written out and read back.
    "cache_size=-8000",
    # Pages: one that changes again and again is copied into the database once for all of these.
    "wal_autocheckpoint=4000",
)


def with_driver(url: str) -> sql.URL:
    """Name the PostgreSQL driver that this project comes with, where none is named."""
    address = sql.make_url(url)
    plain = address.drivername in {"postgres", "postgresql"}
    return address.set(drivername="postgresql+psycopg") if plain else address


def time_limits(address: sql.URL) -> dict[str, Any]:
    """Let no statement, lock or dead connection hold a thread for ever; SQLite has its own."""
    if address.get_backend_name() != "postgresql":
        return {}
    seconds = _PATIENCE_SECONDS
    limits = {
        "connect_timeout": seconds,
        "tcp_user_timeout": 1_000 * seconds,
        "options": f"-c statement_timeout={seconds}s -c lock_timeout={seconds}s",
    }
    # Settings in the address itself come first.
    return limits | {name: address.query[name] for name in limits if name in address.query}


def make_private(database: str | None) -> None:
    """Let only the owner read a database file; SQLite gives -wal and -shm its mode.

    A ``file:`` address, with options of SQLite's own, is left to who wrote it.
    """
    if not database or database.startswith((":memory:", "file:")):
        return
    path = Path(database)
    # SQLite reports what cannot be created here, when it opens the file.
    with suppress(OSError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    # By name: closing a file that is open elsewhere in this process drops SQLite's locks on it.
    for part in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
        with suppress(OSError):
            if part.is_file():
                part.chmod(0o600)


def make_durable(connection: Any, _record: Any) -> None:
    """Have a new SQLite connection survive a power cut, and wait for others' writes."""
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
