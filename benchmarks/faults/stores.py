"""The stores that faults are tried on: a SQLite file, and a PostgreSQL server."""

from __future__ import annotations

import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg

from benchmarks.faults.postgres_programs import find_program, server_user

_ASKED: Final = "SELECT event_id FROM events"


@dataclass(frozen=True)
class SqliteFile:
    """A database in a file."""

    path: Path

    @property
    def url(self) -> str:
        """Its address, as the server takes it."""
        return f"sqlite:///{self.path}"

    def event_ids(self) -> list[str]:
        """Return the ids of all stored events, one for each row."""
        with closing(sqlite3.connect(self.path)) as connection:
            return [id_ for (id_,) in connection.execute(_ASKED)]

    def intact(self) -> bool:
        """Return whether SQLite finds nothing wrong with the file."""
        with closing(sqlite3.connect(self.path)) as connection:
            return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@dataclass(frozen=True)
class PostgresServer:
    """A server on a Unix socket in ``folder``, as durable as it is by default."""

    folder: Path
    identity: dict[str, Any]

    @property
    def url(self) -> str:
        """Its address, as the server takes it."""
        return f"postgresql://postgres@/postgres?host={self.folder}"

    def event_ids(self) -> list[str]:
        """Return the ids of all stored events, one for each row."""
        with psycopg.connect(host=str(self.folder), user="postgres") as connection:
            return [id_ for (id_,) in connection.execute(_ASKED)]

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = f"-c listen_addresses='' -c unix_socket_directories={self.folder}"
        self._control("start", "--log", str(self.folder / "log"), "--options", options)

    def crash(self) -> None:
        """End it without letting it finish anything."""
        self._control("stop", "--mode", "immediate")

    def _control(self, action: str, *options: str) -> None:
        data = str(self.folder / "data")
        _run([find_program("pg_ctl"), action, "--wait", "--pgdata", data, *options], self)


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Start a PostgreSQL server with an empty database.

    Raises
    ------
    NotInstalledError
        When there is none on this machine.
    """
    initdb = find_program("initdb")
    # A short path, for its socket, that another user can enter.
    with tempfile.TemporaryDirectory(prefix="regulars-postgres-") as name:
        server = PostgresServer(Path(name), server_user(Path(name)))
        how = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C"]
        _run([initdb, "--pgdata", str(server.folder / "data"), *how], server)
        server.start()
        try:
            yield server
        finally:
            server.crash()


def _run(command: Sequence[str], server: PostgresServer) -> None:
    # Into a file: the server inherits it, and a pipe would be waited for until the server ends.
    said = server.folder / "said"
    with said.open("wb") as output:
        done = subprocess.run(
            command, cwd=server.folder, stdout=output, stderr=output, check=False, **server.identity
        )
    assert done.returncode == 0, said.read_text(encoding="utf-8")
