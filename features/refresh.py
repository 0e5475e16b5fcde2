"""Bring roll-ups up to date with the checked tables: append what is new, rebuild what must be.

New records are rolled up alone and appended. What is not additive, such as the states of orders,
is computed again for the keys that new records touch, and their earlier rows are marked as
restated. A rebuild goes through the customers share by share, to bound memory.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Literal

import ibis
import ibis.expr.types as ir

from features.changes import Change, Inputs, plan_changes, possible, read_by
from features.engine import BUCKET, Engine, bucket_of
from features.progress import Progress
from features.pruning import columns_read, narrow
from features.rollup import Rollup, Tables, discover_rollups
from features.rollups.lines import LOOKED_UP
from features.settings import ShopSettings
from features.store import PART, Store, TableState, open_parts
from features.vocabulary import TABLES
from features.vocabulary import Columns as C

_CATALOGUE = "catalogue"

Write = Callable[[Rollup, ir.Table], ir.Table]
Choose = Callable[[Rollup, Tables], Tables]


def build_rollups(
    tables: Tables,
    shop: ShopSettings,
    wanted: Sequence[Rollup],
    write: Write,
    choose: Choose = lambda _, tables: tables,
) -> None:
    """Compute roll-ups from checked tables, each after those that it reads.

    Parameters
    ----------
    write
        Stores a roll-up and returns the table that the roll-ups after it read.
    choose
        Returns the tables that a roll-up is to read, given all so far; by default these.
    """
    so_far = dict(tables)
    names = {rollup.name for rollup in wanted}
    read = {name for rollup in wanted for name in (*rollup.reads, *rollup.may_read)}
    for rollup in discover_rollups():
        if rollup.name not in names and (rollup.stored or rollup.name not in read):
            continue
        made = _built(rollup, choose(rollup, so_far), shop)
        so_far[rollup.name] = write(rollup, made) if rollup.stored else made


def _built(rollup: Rollup, tables: Tables, shop: ShopSettings) -> ir.Table:
    """Return a roll-up's expression, cached by the tables that it reads."""
    names = (*rollup.reads, *(name for name in rollup.may_read if name in tables))
    return _remembered(rollup, tuple((name, tables[name].op()) for name in names), shop)


@functools.lru_cache(maxsize=512)
def _remembered(rollup: Rollup, reads: tuple[tuple[str, Any], ...], shop: ShopSettings) -> ir.Table:
    return rollup.build({name: operation.to_expr() for name, operation in reads}, shop)


def refresh_rollups(
    engine: Engine, store: Store, shop: ShopSettings, definition: str, progress: Progress
) -> Literal["kept", "appended", "rebuilt"]:
    """Bring every roll-up up to date, with as little work as that takes.

    Returns
    -------
    What was done. ``appended`` where anything was, though some small roll-ups were rebuilt.
    """
    for rollup in discover_rollups():
        if rollup.name in store.rollups and not possible(store, rollup):
            del store.rollups[rollup.name]
            store.forget(store.rollup_folder(rollup.name), store.restated_folder(rollup.name))
    unchanged = not _catalogue_changed(engine, store)
    changes = plan_changes(store, definition, catalogue_unchanged=unchanged)
    rebuilt = [change for change in changes if change.new is None]
    appended = [change for change in changes if change.new is not None]
    if rebuilt:
        _rebuild(engine, store, shop, rebuilt, progress)
    for new in {repr(change.new): change.new or {} for change in appended}.values():
        _append(engine, store, shop, appended, new)
    for change in changes:
        before = store.rollups.get(change.rollup.name)
        kept = before.parts if before is not None and change.new is not None else []
        parts = [*kept, change.part]
        store.rollups[change.rollup.name] = TableState(definition, [change.inputs], parts)
    if changes:
        _keep_catalogue(engine, store, definition)
        store.save()
    return "appended" if appended else "rebuilt" if rebuilt else "kept"


def _by_customer(table: str) -> bool:
    return any(column.name == C.CUSTOMER_ID for column in TABLES[table].columns)


def _with_part(change: Change, made: ir.Table) -> ir.Table:
    """Add the number of the part to rows that may be restated."""
    if not change.rollup.restates:
        return made
    return made.mutate(ibis.literal(int(change.part.removeprefix(PART)), "int32").name(PART))


def _rebuild(
    engine: Engine,
    store: Store,
    shop: ShopSettings,
    changes: Sequence[Change],
    progress: Progress,
) -> None:
    by_name = {change.rollup.name: change for change in changes}
    for name in by_name:
        store.forget(store.rollup_folder(name), store.restated_folder(name))
    reads = read_by(changes)
    tick = progress("Rolling up", store.buckets)
    for bucket in range(store.buckets):

        def write(rollup: Rollup, made: ir.Table, bucket: int = bucket) -> ir.Table:
            change = by_name[rollup.name]
            folder = store.rollup_folder(rollup.name) / f"{BUCKET}={bucket}"
            engine.write(_with_part(change, made), folder, change.part)
            return open_parts(engine, f"stored_{rollup.name}", folder, [change.part])

        tables = {
            table: store.open_clean(
                engine, table, bucket=bucket if _by_customer(table) else None, prefix="share"
            )
            for table in store.tables.keys() & reads
        }
        others = reads - by_name.keys()
        standing = store.open_rollups(engine, bucket=bucket, prefix="standing", names=others)
        tables |= standing.tables
        build_rollups(tables, shop, [change.rollup for change in changes], write)
        tick()


def _append(
    engine: Engine, store: Store, shop: ShopSettings, appended: Sequence[Change], new: Inputs
) -> None:
    """Roll up new parts alone, and append them to the roll-ups that lack exactly these parts."""
    changes = [change for change in appended if change.new == new]
    by_name = {change.rollup.name: change for change in changes}
    rollups = [change.rollup for change in changes]
    part = {change.rollup.name: [change.part] for change in appended}
    touched: dict[str, ir.Table] = {}

    def write(rollup: Rollup, made: ir.Table) -> ir.Table:
        change, folder = by_name[rollup.name], store.rollup_folder(rollup.name)
        store.remove_part(folder, change.part)
        made = engine.create(f"made_{rollup.name}", _with_part(change, made))
        if rollup.restates:
            keys = made.select(*rollup.restates, PART).distinct()
            engine.write(keys, store.restated_folder(rollup.name), change.part)
        share = ibis.literal(0, "int64")
        if rollup.by_customer:
            share = bucket_of(made[C.CUSTOMER_ID], store.buckets)
        engine.write(made.mutate(share.name(BUCKET)), folder, change.part)
        return open_parts(engine, f"stored_{rollup.name}", folder, [change.part])

    def choose(rollup: Rollup, tables: Tables) -> Tables:
        """Let what restates read all rows of the keys that new rows touch, old rows included."""
        if not rollup.restates:
            return tables
        name = rollup.reads[0]
        parts = [*store.rollups[name].parts, by_name[name].part]
        kept = f"touched_{name}_by_{rollup.restates[-1]}"
        if kept not in touched:
            moves = open_parts(engine, f"all_{name}", store.rollup_folder(name), parts)
            keys = tables[name].select(*rollup.restates).distinct()
            found = moves.semi_join(keys, list(rollup.restates))
            alike = [each for each in rollups if each.reads[0] == name and each.restates]
            stand_in = {**tables, name: ibis.table(moves.schema(), kept)}
            read = [columns_read(_built(each, stand_in, shop))[kept] for each in alike]
            touched[kept] = engine.create(kept, narrow(found, set[str]().union(*read)))
        return {**tables, name: touched[kept]}

    tables = {
        name: open_parts(engine, f"new_{name}", store.rollup_folder(name), part.get(name, []))
        for change in changes
        for name in (*change.rollup.reads, *change.rollup.may_read)
        if name in store.rollups and name not in by_name
    }
    for table in store.tables.keys() & read_by(changes):
        opened = store.open_clean(engine, table, parts=new.get(table), prefix="new")
        unchanged = table not in new and _by_customer(table)
        tables[table] = opened.limit(0) if unchanged else opened
    build_rollups(tables, shop, rollups, write, choose)
    engine.drop(*touched)


def _catalogue_changed(engine: Engine, store: Store) -> bool:
    """Return whether the catalogue now says something else of products already rolled up."""
    known = store.rollups.get(_CATALOGUE)
    if known is None or known.files == [store.tables["products"].parts]:
        return False
    before = open_parts(engine, "catalogue_before", store.rollup_folder(_CATALOGUE), known.parts)
    now = store.open_clean(engine, "products", prefix="now").select(*LOOKED_UP)
    same = [before[name].identical_to(now[name]) for name in LOOKED_UP]
    bought = "customer_product_day"
    sold = store.open_rollups(engine, names=(bought,))[bought].select(C.PRODUCT_ID).distinct()
    met = now.anti_join(before, C.PRODUCT_ID).semi_join(sold, C.PRODUCT_ID)
    differ = (before.anti_join(now, same), met)
    return any(engine.frame(rows.aggregate(n=rows.count()))["n"].iloc[0] > 0 for rows in differ)


def _keep_catalogue(engine: Engine, store: Store, definition: str) -> None:
    """Store what lines take from the catalogue, to compare the next catalogue with."""
    known, products = store.rollups.get(_CATALOGUE), store.tables["products"].parts
    if known is not None and known.files == [products]:
        return
    part = store.new_part()
    looked_up = store.open_clean(engine, "products").select(*LOOKED_UP)
    engine.write(looked_up, store.rollup_folder(_CATALOGUE), part)
    store.rollups[_CATALOGUE] = TableState(definition, [list(products)], [part])
