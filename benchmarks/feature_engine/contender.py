"""What a contender's process is given, and what it reports when it is done."""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from benchmarks.feature_engine.order_lines import BenchmarkShop, open_shop_files
from benchmarks.feature_engine.subset import monthly_cutoffs
from features.errors import DataError


@dataclass(frozen=True)
class Task:
    """One piece of work: a shop's raw files in, a Parquet file of vectors out.

    Attributes
    ----------
    output
        The file, or the folder of files, to write.
    temp
        Everything that is not the answer: spilled and staged data.
    kept
        What one job leaves for another: a workspace.
    """

    shop: BenchmarkShop
    cutoffs: tuple[date, ...]
    output: Path
    temp: Path
    kept: Path
    threads: int
    memory_limit: str
    temp_limit: str


Job = Callable[[Task], None]


def run_job(jobs: Mapping[str, Job], before: Mapping[str, Job] | None = None) -> None:
    """Do the job that the command line names and print as JSON what it took.

    The clock starts when everything is imported, so that the engines are compared rather than
    their start.

    Parameters
    ----------
    before
        What some jobs need done first, off the clock.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("job", choices=list(jobs))
    for option in ("shop", "output", "temp", "kept"):
        parser.add_argument(f"--{option}", type=Path, required=True)
    for option in ("cutoffs", "threads"):
        parser.add_argument(f"--{option}", type=int, required=True)
    for option in ("memory-limit", "temp-limit"):
        parser.add_argument(f"--{option}", required=True)
    given = vars(parser.parse_args())
    name = given.pop("job")
    shop, cutoffs = open_shop_files(given.pop("shop")), monthly_cutoffs(given.pop("cutoffs"))
    task = Task(shop=shop, cutoffs=cutoffs, **given)
    if before is not None and name in before:
        before[name](task)
    started, worked, failure = time.perf_counter(), time.process_time(), None
    try:
        jobs[name](task)
    except (MemoryError, duckdb.OutOfMemoryException, DataError) as error:
        failure = str(error).splitlines()[0]
    result = {
        "seconds": time.perf_counter() - started if failure is None else math.nan,
        "processor_seconds": time.process_time() - worked,
        "peak_memory_bytes": peak_memory_bytes(),
        "failure": failure,
    }
    json.dump(result, sys.stdout)


def peak_memory_bytes(process: str = "self") -> int:
    """Return the most memory that a process has had resident so far."""
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def connect(task: Task) -> duckdb.DuckDBPyConnection:
    """Open DuckDB as our engine does: the same threads, memory and disk."""
    connection = duckdb.connect(":memory:")
    connection.execute(f"SET threads = {task.threads}")
    connection.execute(f"SET memory_limit = '{task.memory_limit}'")
    connection.execute(f"SET temp_directory = '{task.temp}'")
    connection.execute(f"SET max_temp_directory_size = '{task.temp_limit}'")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")
    return connection
