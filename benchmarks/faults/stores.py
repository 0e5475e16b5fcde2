"""The stores that faults are tried on: a SQLite file, and a PostgreSQL server of their own."""

from __future__ import annotations

import os
import pwd
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg

_ASKED: Final = "SELECT event_id FROM events"


class NotInstalledError(Exception):
    """A program that a part needs is not on this machine."""


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
        """Tell whether SQLite finds nothing wrong with the file."""
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
        _run([_program("pg_ctl"), action, "--wait", "--pgdata", data, *options], self)


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Start a PostgreSQL server with an empty database.

    Raises
    ------
    NotInstalledError
        When there is none on this machine.
    """
    initdb = _program("initdb")
    # A short path, for its socket, that another user can enter.
    with tempfile.TemporaryDirectory(prefix="regulars-postgres-") as name:
        server = PostgresServer(Path(name), _as_nobody(Path(name)))
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


def _program(name: str) -> str:
    """Find a program on the path, or where Debian keeps the versions of PostgreSQL."""
    kept = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = shutil.which(name) or (str(kept[-1]) if kept else None)
    if found is None:
        raise NotInstalledError(f"PostgreSQL is not installed: there is no program {name}")
    return found


def _as_nobody(folder: Path) -> dict[str, Any]:
    """Return whom to run the server as, who then owns ``folder``: it refuses to run as root."""
    if os.getuid() != 0:
        return {}
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = known.get("postgres") or known["nobody"]
    os.chown(folder, entry.pw_uid, entry.pw_gid)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
