"""Our own engine, through the doors that the product uses.

``subset`` and ``full`` take raw files for clean, as the rivals do; ``checked`` is the product's
whole way, every rule asked of every row.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from math import ceil
from pathlib import Path
from shutil import copytree

import ibis
import ibis.expr.types as ir

from benchmarks.feature_engine.contender import Task, run_job
from benchmarks.feature_engine.order_lines import LAST_DAY
from benchmarks.feature_engine.subset import subset_families
from features.derive import customers_from_orders
from features.engine import BUCKET, Engine, bucket_of, open_engine
from features.family import Family, discover_families
from features.prepare import Prepared, prepare
from features.refresh import build_rollups
from features.rollup import Rollup, Rollups, discover_rollups
from features.settings import DataSettings, EngineSettings, ShopSettings, SourceSettings
from features.vectors import write_vectors
from features.vocabulary import TABLES
from features.vocabulary import Columns as C

_PART = "part"
_LINES_TIMES_CUTOFFS_A_BUCKET = 75_000_000
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
    folder.mkdir(parents=True)
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
        rollups = _rolled_up(engine, task, families)
        write_vectors(engine, rollups, families, task.cutoffs, task.output)


def _rolled_up(engine: Engine, task: Task, families: Sequence[Family]) -> Rollups:
    """Roll up what the families read, share by share of the customers."""
    buckets = ceil(task.shop.lines * len(task.cutoffs) / _LINES_TIMES_CUTOFFS_A_BUCKET)
    orders = _raw(engine, "orders", sorted((task.shop.folder / "orders").glob("*.parquet")))
    products = _raw(engine, "products", [task.shop.products])
    shares = task.temp / "orders"
    if buckets > 1:
        share = bucket_of(orders[C.CUSTOMER_ID], buckets)
        engine.write(orders.mutate(share.name(BUCKET)), shares, _PART)
    folder, wanted = task.temp / "rollups", _wanted(families)
    for bucket in range(buckets):

        def write(rollup: Rollup, made: ir.Table, bucket: int = bucket) -> ir.Table:
            engine.write(made, folder / rollup.name / f"{BUCKET}={bucket}", _PART)
            return _open(engine, folder, rollup.name, bucket)

        lines = orders if buckets == 1 else engine.open("share", [shares / f"{BUCKET}={bucket}"])
        tables = {"orders": lines, "products": products, "customers": customers_from_orders(lines)}
        build_rollups(engine, tables, ShopSettings(), wanted, write)

    def open_bucket(bucket: int | None) -> Rollups:
        return Rollups({each.name: _open(engine, folder, each.name, bucket) for each in wanted})

    return Rollups(open_bucket(None).tables, buckets, open_bucket)


def _open(engine: Engine, folder: Path, name: str, bucket: int | None) -> ir.Table:
    if bucket is None:
        return engine.open(f"all_{name}", [folder / name])
    return engine.open(f"share_{name}", [folder / name / f"{BUCKET}={bucket}"])


def _wanted(families: Sequence[Family]) -> list[Rollup]:
    """Return the roll-ups to keep: those that families and other kept ones read, where possible."""
    rollups = {rollup.name: rollup for rollup in discover_rollups()}
    given = {"orders", "products", "customers"}

    def possible(name: str) -> bool:
        return name in given or (name in rollups and all(map(possible, rollups[name].reads)))

    read: set[str] = set()

    def ask(name: str) -> None:
        if name in rollups:
            read.add(name)
            for other in rollups[name].reads:
                ask(other)

    for family in families:
        if all(map(possible, family.reads)):
            for name in family.reads:
                ask(name)
    return [rollup for rollup in rollups.values() if rollup.name in read and rollup.stored]


def _raw(engine: Engine, table: str, files: Sequence[Path]) -> ir.Table:
    """Open files as they are, with the vocabulary's other columns missing."""
    found = engine.open(f"raw_{table}", files)
    return found.select(
        **{
            column.name: found[column.name]
            if column.name in found.columns
            else ibis.null().cast(column.type)
            for column in TABLES[table].columns
        }
    )


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
    run_job(JOBS, before={"refresh": _with_yesterday})
