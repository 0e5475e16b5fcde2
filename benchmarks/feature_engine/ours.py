"""Our own engine, through the functions that the product uses.

``subset`` and ``full`` take raw files for clean, as the rivals do; ``checked`` is the product's
whole way, every rule asked of every row.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from pathlib import Path
from shutil import copytree, rmtree

import ibis

from benchmarks.feature_engine.contender import Task, run_job
from benchmarks.feature_engine.order_lines import LAST_DAY
from benchmarks.feature_engine.raw import rolled_up
from benchmarks.feature_engine.subset import subset_families
from features.engine import compile_sql
from features.engines import open_engine
from features.family import AS_OF_DAY, Family, discover_families
from features.prepare import Prepared, prepare
from features.rollup import discover_rollups
from features.settings import DataSettings, EngineSettings, SourceSettings
from features.vectors import write_vectors

_NOW = datetime.combine(LAST_DAY + timedelta(days=1), time.min)


def subset(task: Task) -> None:
    """From raw files to the subset."""
    _from_raw(task, subset_families())


def full(task: Task) -> None:
    """From raw files to every column."""
    _from_raw(task, discover_families())


def checked(task: Task) -> None:
    """From raw files, checked, to every column."""
    _from_workspace(task, task.temp / "workspace")


def rebuild(task: Task) -> None:
    """Check and roll up everything into the kept workspace."""
    _prepare(task, task.shop.orders, task.kept / "workspace")


def stored(task: Task) -> None:
    """From the kept workspace to every column."""
    _from_workspace(task, task.kept / "workspace")


def until_yesterday(task: Task) -> None:
    """Check and roll up all days but the last, in a workspace that `refresh` finds."""
    folder = task.kept / "growing"
    for file in sorted((task.shop.folder / "orders").glob("*.parquet")):
        if file != task.shop.last_day:
            (folder / file.name).symlink_to(file)
    _prepare(task, str(folder / "*.parquet"), task.kept / "yesterday")
    (folder / f"{LAST_DAY}.parquet").symlink_to(task.shop.last_day)


def refresh(task: Task) -> None:
    """Bring yesterday's workspace up to date with the last day."""
    prepared = _prepare(task, str(task.kept / "growing" / "*.parquet"), task.temp / "yesterday")
    assert prepared.work["orders"] == prepared.work["rollups"] == "appended", prepared.work


def _engine_settings(task: Task) -> EngineSettings:
    return EngineSettings(
        memory_limit=task.memory_limit, temp_limit=task.temp_limit, threads=task.threads
    )


def _prepare(task: Task, orders: str, workspace: Path) -> Prepared:
    with open_engine(_engine_settings(task), task.temp / "spill") as engine:
        return prepare(engine, _data_settings(task, orders, workspace), _NOW)


def _data_settings(task: Task, orders: str, workspace: Path) -> DataSettings:
    tables = {
        "orders": (SourceSettings(path=orders),),
        "products": (SourceSettings(path=str(task.shop.products)),),
    }
    return DataSettings(tables=tables, engine=_engine_settings(task), workspace=workspace)


def _from_workspace(task: Task, workspace: Path) -> None:
    with open_engine(_engine_settings(task), task.temp / "spill") as engine:
        prepared = prepare(engine, _data_settings(task, task.shop.orders, workspace), _NOW)
        families = discover_families()
        write_vectors(engine, prepared.rollups, families, task.cutoffs, task.output)


def _from_raw(task: Task, families: Sequence[Family]) -> None:
    with open_engine(_engine_settings(task), task.temp / "spill") as engine:
        rollups = rolled_up(engine, task, families)
        write_vectors(engine, rollups, families, task.cutoffs, task.output)


def _nothing_built(task: Task) -> None:
    rmtree(task.kept / "workspace", ignore_errors=True)


def _nothing_grown(task: Task) -> None:
    for name in ("growing", "yesterday"):
        rmtree(task.kept / name, ignore_errors=True)
    (task.kept / "growing").mkdir(parents=True)


def _with_yesterday(task: Task) -> None:
    copytree(task.kept / "yesterday", task.temp / "yesterday")


JOBS = {
    "subset": subset,
    "full": full,
    "checked": checked,
    "rebuild": rebuild,
    "stored": stored,
    "until_yesterday": until_yesterday,
    "refresh": refresh,
}

if __name__ == "__main__":
    # What is imported when it is first asked for is so before the clock starts, as the rivals' is.
    discover_families()
    discover_rollups()
    compile_sql(ibis.table({AS_OF_DAY: "int32"}, "cutoffs"))
    before = {
        "rebuild": _nothing_built,
        "until_yesterday": _nothing_grown,
        "refresh": _with_yesterday,
    }
    run_job(JOBS, before=before)
