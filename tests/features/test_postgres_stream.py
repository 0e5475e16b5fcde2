"""Streaming from PostgreSQL: any size in little memory, one moment's rows, whole or not at all."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from features.errors import DataError
from features.postgres import land_table, table_digest
from features.progress import Tick

Sql = Callable[..., None]

_MEASURE = """
import resource, sys
from pathlib import Path
from features.postgres import land_table
def peak():
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
url, folder = sys.argv[1], Path(sys.argv[2])
land_table(url, "small", None, folder)
before = peak()
large = land_table(url, "large", None, folder)
print(peak() - before, large.stat().st_size)
"""


def test_a_large_table_streams_through_little_memory(
    postgres_url: str, postgres_run: Sql, tmp_path: Path
) -> None:
    columns = "i AS id, repeat('tea and jam ', 20) AS note"
    postgres_run(
        f"CREATE TABLE large AS SELECT {columns} FROM generate_series(1, 200000) AS i",
        f"CREATE TABLE small AS SELECT {columns} FROM generate_series(1, 1000) AS i",
    )
    command = [sys.executable, "-c", _MEASURE, postgres_url, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    grown, size = map(int, done.stdout.split())
    assert size > 48_000_000
    assert grown < 4_000_000
    with duckdb.connect() as connection:
        count = "SELECT count(*), count(DISTINCT id) FROM read_csv(?, all_varchar = true)"
        [rows] = connection.execute(count, [str(tmp_path / "large.csv")]).fetchall()
    assert rows == (200_000, 200_000)


def test_each_million_rows_is_reported_and_may_be_the_last(
    postgres_url: str, postgres_run: Sql, tmp_path: Path
) -> None:
    postgres_run("CREATE UNLOGGED TABLE t AS SELECT FROM generate_series(1, 1200000)", "ANALYZE t")
    told: list[Any] = []

    def progress(phrase: str, total: int) -> Tick:
        told.append((phrase, total))
        return lambda: told.append("tick")

    assert land_table(postgres_url, "t", None, tmp_path / "whole", progress).exists()
    assert told == [("Reading t, millions", 2), "tick", "tick"]

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        land_table(postgres_url, "t", None, tmp_path / "part", lambda _phrase, _total: interrupt)
    assert list((tmp_path / "part").iterdir()) == []


def test_a_role_of_little_patience_still_reads_to_the_end(
    postgres_url: str, postgres_run: Sql, tmp_path: Path
) -> None:
    postgres_run(
        "CREATE VIEW slow AS SELECT 1 AS id FROM pg_sleep(0.5)",
        "ALTER DATABASE test SET statement_timeout = 300",
    )
    assert land_table(postgres_url, "slow", None, tmp_path).read_text() == 'id\n"1"\n'


def test_a_stream_that_breaks_leaves_what_was_there(
    postgres_url: str, postgres_run: Sql, tmp_path: Path
) -> None:
    postgres_run("CREATE TABLE t AS SELECT generate_series(1, 10) AS id")
    before = land_table(postgres_url, "t", None, tmp_path).read_bytes()
    postgres_run("CREATE TABLE u AS SELECT generate_series(1, 200000) AS id", "DROP TABLE t")
    postgres_run("CREATE VIEW t AS SELECT 1 / (150000 - id) AS id FROM u")
    with pytest.raises(DataError, match=r"t: reading it from .* failed: division by zero"):
        land_table(postgres_url, "t", None, tmp_path)
    assert (tmp_path / "t.csv").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_a_server_that_goes_away_is_reported(
    postgres_url: str, postgres_run: Sql, tmp_path: Path
) -> None:
    postgres_run("CREATE TABLE t AS SELECT generate_series(1, 1000) AS id")

    def progress(_phrase: str, _total: int) -> Tick:
        postgres_run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name = 'regulars'"
        )
        return lambda: None

    with pytest.raises(DataError, match=r"t: reading it from .* failed: terminating") as raised:
        land_table(postgres_url, "t", None, tmp_path, progress)
    assert raised.value.remedy.startswith("run again")
    assert list(tmp_path.iterdir()) == []


def test_rows_that_come_while_it_is_read_are_left_for_the_next_time(
    postgres_url: str, postgres_run: Sql, tmp_path: Path
) -> None:
    postgres_run("CREATE TABLE t AS SELECT 1 AS id")

    def progress(_phrase: str, _total: int) -> Tick:
        postgres_run("INSERT INTO t VALUES (2)")
        return lambda: None

    before = table_digest(postgres_url, "t")
    path = land_table(postgres_url, "t", None, tmp_path, progress)
    assert path.read_text() == 'id\n"1"\n'
    assert table_digest(postgres_url, "t") != before


def test_a_folder_that_cannot_be_written_is_named(
    postgres_url: str, postgres_run: Sql, tmp_path: Path
) -> None:
    postgres_run("CREATE TABLE t AS SELECT 1 AS id")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=r"t: cannot write .*t\.csv: ") as raised:
        land_table(postgres_url, "t", None, tmp_path / "file")
    assert raised.value.remedy == "make room there, or choose another workspace"
