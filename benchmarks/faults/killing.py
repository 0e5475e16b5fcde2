"""``kill -9`` of the server at random moments while events come in."""

from __future__ import annotations

import os
import signal
import time
from typing import Final

from benchmarks.faults.postgres_programs import NotInstalledError
from benchmarks.faults.shop import Ledger, Trial, deliveries_to, kept_rows
from benchmarks.faults.stores import SqliteFile, postgres_server
from benchmarks.serving.processes import free_port, running_on, serve_ours, spawn
from benchmarks.table import Row

# A new random moment for each kill, counted from the first event after the start.
_LONGEST_SECONDS: Final = 0.5


def rows(trial: Trial) -> list[Row]:
    """Kill the server on SQLite, and less often on PostgreSQL."""
    path = trial.folder / "killed.db"
    written = _killed(trial, SqliteFile(path), trial.kills, "SQLite")
    intact = SqliteFile(path).intact()
    written.append(Row("kill -9, SQLite: damaged files", int(not intact), "<=", 0))
    try:
        with postgres_server() as server:
            written += _killed(trial, server, max(2, trial.kills // 5), "PostgreSQL")
    except NotInstalledError as error:
        trial.console.print(f"[red]kill -9, PostgreSQL: not measured: {error}[/]")
    return written


def _killed(trial: Trial, store: Ledger, kills: int, kind: str) -> list[Row]:
    port = free_port()
    sent = deliveries_to(port)
    with sent.sending():
        for done in range(kills):
            process = spawn(serve_ours, port, trial.bundles, store.url)
            try:
                sent.wait_for_more()
                time.sleep(trial.rng.uniform(0, _LONGEST_SECONDS))
            finally:
                assert process.pid is not None
                os.kill(process.pid, signal.SIGKILL)
                process.join()
            trial.console.print(
                f"kill -9, {kind}: {done + 1} of {kills}, {len(sent.acknowledged)} acknowledged"
            )
        # Started once more: what was under way at the last kill is delivered again.
        with running_on(port, serve_ours, trial.bundles, store.url):
            sent.wait_for_more()
    return kept_rows(f"kill -9 at {kills} random moments, {kind}", sent, store)
