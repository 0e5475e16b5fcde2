"""The store goes away under load and comes back: PostgreSQL crashes, a SQLite file is held."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from typing import Final

from benchmarks.faults.postgres_programs import NotInstalledError
from benchmarks.faults.shop import Ledger, Trial, deliveries_to, kept_rows
from benchmarks.faults.shopper import Shopper
from benchmarks.faults.stores import PostgresServer, SqliteFile, postgres_server
from benchmarks.serving.processes import running, serve_ours
from benchmarks.table import Row

_AWAY_SECONDS: Final = 6.0
_AROUND_SECONDS: Final = 2.0


def rows(trial: Trial) -> list[Row]:
    """Take each store away for some seconds."""
    file = SqliteFile(trial.folder / "held.db")
    written = _away(trial, file, "SQLite file held by another program", _held(file))
    try:
        with postgres_server() as server:
            written += _away(trial, server, "PostgreSQL crashed and back", _crashed(server))
    except NotInstalledError as error:
        trial.console.print(f"[red]PostgreSQL crashed and back: not measured: {error}[/]")
    return written


@contextmanager
def _held(file: SqliteFile) -> Iterator[None]:
    """Hold SQLite's lock for writing, as a backup or an administrator's shell may."""
    with closing(sqlite3.connect(file.path, isolation_level=None, timeout=10)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


@contextmanager
def _crashed(server: PostgresServer) -> Iterator[None]:
    server.crash()
    yield
    server.start()


def _away(trial: Trial, store: Ledger, what: str, away: AbstractContextManager[None]) -> list[Row]:
    with running(serve_ours, trial.bundles, store.url) as ours:
        sent, shopper = deliveries_to(ours.port), Shopper(ours.port)
        with shopper.asking(), sent.sending():
            time.sleep(_AROUND_SECONDS)
            with away:
                time.sleep(_AWAY_SECONDS)
            recovered = sent.wait_for_more()
            time.sleep(_AROUND_SECONDS)
    trial.console.print(f"{what}: events again after {recovered:.1f} s, {shopper}")
    kept = kept_rows(what, sent, store, **{"again after s": recovered})
    return [*kept, shopper.row(what)]
