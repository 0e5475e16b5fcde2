"""Run contenders, each in a fresh process, side by side, and watch what they take.

A contender that would leave the machine without memory, or does not end in time, is stopped
and has no result: it did not fit.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import stat
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.feature_engine.contender import peak_memory_bytes
from benchmarks.feature_engine.ledger import Ledger, Measurement
from benchmarks.feature_engine.order_lines import BenchmarkShop
from features.progress import Progress, silent

GIGABYTE = 1e9
_PROJECT = Path(__file__).parents[2]
_POLL_SECONDS = 0.1
_LEAST_FREE_MEMORY = 0.08
_PATIENCE_SECONDS = 3600


@dataclass(frozen=True)
class Entry:
    """One contender at one job: what is run, on which shop, at how many cutoffs."""

    contender: str
    shop: BenchmarkShop
    cutoffs: int = 1
    job: str = "subset"

    def __str__(self) -> str:
        return f"{self.contender} {self.job}, {self.shop.lines} lines, {self.cutoffs} cutoffs"


@dataclass(frozen=True)
class Arena:
    """Where contenders run and what each may use.

    Attributes
    ----------
    folder
        Temporary files, outputs and kept workspaces, by shop.
    ledger
        Holds what was measured before.
    """

    folder: Path
    threads: int
    memory_limit: str
    temp_limit: str
    ledger: Ledger

    def answer(self, entry: Entry) -> Path:
        """Return where an entry's latest answer lies."""
        name = f"{entry.contender}-{entry.job}-{entry.cutoffs}"
        return self.folder / "answers" / entry.shop.folder.name / name

    def kept(self, shop: BenchmarkShop) -> Path:
        """Return where a shop's workspaces are kept from job to job."""
        return self.folder / "kept" / shop.folder.name


def machine() -> str:
    """Describe the machine."""
    return f"{available_cores()} cores, {_meminfo()['MemTotal'] / GIGABYTE:.1f} GB memory"


def available_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def side_by_side(
    arena: Arena, what: str, entries: Sequence[Entry], runs: int, progress: Progress = silent
) -> dict[Entry, Measurement]:
    """Run all entries ``runs`` times, in turn, so that the machine's moods hit all alike.

    Runs that the ledger holds are not repeated.
    """
    tick = progress(what, runs * len(entries))
    for number in range(runs):
        for entry in entries:
            done = arena.ledger.runs(str(entry))
            failed = bool(done) and done[-1].failure is not None
            if len(done) <= number and not failed:
                arena.ledger.add(str(entry), run_once(arena, entry))
                _remove(arena.answer(entry))
            tick()
    return {entry: _summary(arena.ledger.runs(str(entry))[:runs]) for entry in entries}


def _summary(runs: Sequence[Measurement]) -> Measurement:
    return Measurement(
        statistics.median(run.seconds for run in runs),
        statistics.median(run.processor_seconds for run in runs),
        max(run.memory_gb for run in runs),
        max(run.disk_gb for run in runs),
        runs[-1].failure,
    )


def run_once(arena: Arena, entry: Entry) -> Measurement:
    """Run one entry in a process of its own; its answer stays until the next run."""
    answer, temp = arena.answer(entry), arena.folder / "temp"
    _remove(answer)
    _remove(temp)
    answer.parent.mkdir(parents=True, exist_ok=True)
    temp.mkdir(parents=True)
    command = [
        sys.executable, "-m", f"benchmarks.feature_engine.{entry.contender}", entry.job,
        f"--shop={entry.shop.folder}", f"--cutoffs={entry.cutoffs}", f"--output={answer}",
        f"--temp={temp}", f"--kept={arena.kept(entry.shop)}", f"--threads={arena.threads}",
        f"--memory-limit={arena.memory_limit}", f"--temp-limit={arena.temp_limit}",
    ]  # fmt: skip
    environment = {**os.environ, "POLARS_MAX_THREADS": str(arena.threads)}
    log = arena.folder / "log.txt"
    with log.open("w", encoding="utf-8") as complaints:
        process = subprocess.Popen(
            command,
            cwd=_PROJECT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
        )
        measured = _watch(process, temp)
    _remove(temp)
    if measured is None:
        raise RuntimeError(f"{' '.join(command)}\n{log.read_text(encoding='utf-8')[-4000:]}")
    return measured


def _watch(process: subprocess.Popen[str], temp: Path) -> Measurement | None:
    """Wait for a contender and note its peaks; None when it broke."""
    started, memory, disk = time.monotonic(), 0.0, 0.0
    stopped: str | None = None
    while process.poll() is None:
        memory, disk = max(memory, _peak_memory(process.pid)), max(disk, _size(temp))
        stopped = _reason_to_stop(started)
        if stopped is not None:
            process.kill()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_POLL_SECONDS)
    output = process.communicate()[0]
    if stopped is None and process.returncode < 0:
        # As the kernel does when memory runs out.
        stopped = signal.strsignal(-process.returncode) or "ended by a signal"
    if stopped is not None:
        return Measurement(math.nan, math.nan, memory / GIGABYTE, disk / GIGABYTE, stopped)
    if process.returncode != 0:
        return None
    result = json.loads(output)
    return Measurement(
        result["seconds"],
        result["processor_seconds"],
        result["peak_memory_bytes"] / GIGABYTE,
        disk / GIGABYTE,
        result["failure"],
    )


def _reason_to_stop(started: float) -> str | None:
    memory = _meminfo()
    if memory["MemAvailable"] < _LEAST_FREE_MEMORY * memory["MemTotal"]:
        return "the machine's memory was used up"
    if time.monotonic() - started > _PATIENCE_SECONDS:
        return f"not done in {_PATIENCE_SECONDS:,} s"
    return None


def _meminfo() -> dict[str, int]:
    """Return the kernel's account of memory, in bytes."""
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    fields = (line.split() for line in lines)
    return {name.rstrip(":"): int(kilobytes) * 1024 for name, kilobytes, *_ in fields}


def _peak_memory(process_id: int) -> int:
    with suppress(OSError, StopIteration):
        return peak_memory_bytes(str(process_id))
    return 0  # it has just ended


def _size(folder: Path) -> int:
    """Return the bytes that files in a folder take, those that vanish meanwhile aside."""
    size = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            status = path.lstat()
            size += 0 if stat.S_ISDIR(status.st_mode) else status.st_size
    return size


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
