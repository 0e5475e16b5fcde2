"""From raw files, taken for clean, to the roll-ups that some families read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import ibis
import ibis.expr.types as ir

from benchmarks.feature_engine.contender import Task
from benchmarks.feature_engine.pruning import rollup_columns
from features.derive import customers_from_orders
from features.engine import BUCKET, Engine, bucket_of
from features.family import Family
from features.pruning import narrow
from features.refresh import Write, build_rollups
from features.rollup import Rollup, Rollups, discover_rollups
from features.settings import ShopSettings
from features.vocabulary import TABLES
from features.vocabulary import Columns as C

_PART = "part"
_SHOP = ShopSettings()
# Lines times cutoffs times columns: a share's vectors, and besides them what leads there.
_VALUES_A_BUCKET = 21_000_000_000
_COLUMNS_BESIDES = 100
# Rows as they are: to read them again takes less than to keep them.
_BOUGHT_LINES = "customer_product_day"


@dataclass(frozen=True)
class _Recipe:
    """What is rolled up.

    Attributes
    ----------
    readers
        How many families and roll-ups read each roll-up.
    columns
        Those of each roll-up that any vector depends on: the others are not computed.
    """

    products: ir.Table
    wanted: Sequence[Rollup]
    readers: Counter[str]
    columns: Mapping[str, set[str]]

    def build(self, lines: ir.Table, write: Write) -> None:
        """Roll up some order lines."""
        customers = customers_from_orders(lines)
        tables = {"orders": lines, "products": self.products, "customers": customers}

        def write_narrow(rollup: Rollup, made: ir.Table) -> ir.Table:
            return write(rollup, narrow(made, self.columns[rollup.name]))

        build_rollups(tables, _SHOP, self.wanted, write_narrow)


def rolled_up(engine: Engine, task: Task, families: Sequence[Family]) -> Rollups:
    """Roll up what the families read, share by share of the customers where it is much.

    Shares lie in memory one at a time, unless the families also read of the whole shop: then
    those of all are written first.
    """
    columns = sum(len(family.columns) for family in families) + _COLUMNS_BESIDES
    buckets = ceil(task.shop.lines * len(task.cutoffs) * columns / _VALUES_A_BUCKET)
    orders = _raw(engine, "orders", sorted((task.shop.folder / "orders").glob("*.parquet")))
    wanted = _wanted(families)
    reads = (*(family.reads for family in families), *(rollup.reads for rollup in wanted))
    readers = Counter(name for names in reads for name in names)
    products = _raw(engine, "products", [task.shop.products])
    recipe = _Recipe(products, wanted, readers, rollup_columns(families, wanted, _SHOP))
    if buckets == 1:
        return _in_memory(engine, recipe, orders)
    shares = task.temp / "orders"
    share = bucket_of(orders[C.CUSTOMER_ID], buckets)
    engine.write(orders.mutate(share.name(BUCKET)), shares, _PART)

    def lines_of(bucket: int) -> ir.Table:
        return engine.open("share", [shares / f"{BUCKET}={bucket}"])

    if not all(rollup.by_customer for rollup in wanted):
        return _on_disk(engine, recipe, lines_of, buckets, task.temp / "rollups")
    everyone: dict[str, ir.Table] = {}
    recipe.build(orders, lambda rollup, made: everyone.setdefault(rollup.name, made))
    return Rollups(everyone, buckets, lambda bucket: _in_memory(engine, recipe, lines_of(bucket)))


def _in_memory(engine: Engine, recipe: _Recipe, lines: ir.Table) -> Rollups:
    """Keep what is read more than once; the rest is computed where it is read."""
    tables: dict[str, ir.Table] = {}

    def write(rollup: Rollup, made: ir.Table) -> ir.Table:
        several = recipe.readers[rollup.name] > 1 and rollup.name != _BOUGHT_LINES
        tables[rollup.name] = engine.create(f"kept_{rollup.name}", made) if several else made
        return tables[rollup.name]

    recipe.build(lines, write)
    return Rollups(tables)


def _on_disk(
    engine: Engine,
    recipe: _Recipe,
    lines_of: Callable[[int], ir.Table],
    buckets: int,
    folder: Path,
) -> Rollups:
    """Write every roll-up, and open them for everyone or for a share."""
    for bucket in range(buckets):

        def write(rollup: Rollup, made: ir.Table, bucket: int = bucket) -> ir.Table:
            engine.write(made, folder / rollup.name / f"{BUCKET}={bucket}", _PART)
            return _open(engine, folder, rollup, bucket)

        recipe.build(lines_of(bucket), write)

    def open_bucket(bucket: int | None) -> Rollups:
        shares = {each: bucket if each.by_customer else None for each in recipe.wanted}
        return Rollups({each.name: _open(engine, folder, each, n) for each, n in shares.items()})

    return Rollups(open_bucket(None).tables, buckets, open_bucket)


def _open(engine: Engine, folder: Path, rollup: Rollup, bucket: int | None) -> ir.Table:
    """Open a roll-up of one share, or of everyone."""
    lies = folder / rollup.name
    if bucket is None:
        return engine.open(f"all_{rollup.name}", [lies])
    return engine.open(f"share_{rollup.name}", [lies / f"{BUCKET}={bucket}"])


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
