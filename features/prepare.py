"""From the user's files to checked tables and roll-ups, with as little work as that takes.

The workspace remembers what each table was made from: files, their sizes and times, settings.
Unchanged tables are not read again. Of a table of events (without a key) that gained files only
the new ones are read, and their records appended. Anything else is rebuilt.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from math import ceil
from typing import Any, Literal

import ibis.expr.types as ir

from features.checks import TableReport, check_table, stop_if_unusable
from features.derive import customers_from_orders, products_from_orders
from features.engine import BUCKET, Engine, bucket_of
from features.errors import DataError
from features.progress import Progress, silent
from features.refresh import refresh_rollups
from features.rollup import DAY, Rollups, from_epoch_day
from features.settings import DataSettings
from features.sources import Place, find_places
from features.store import Store, TableState
from features.vocabulary import TABLES
from features.vocabulary import Columns as C

Work = Literal["kept", "appended", "rebuilt"]

_CHECKED_AT = "checked_at"
_DERIVED = {"products": products_from_orders, "customers": customers_from_orders}
# Estimates: the order lines that one share of the customers may hold, and bytes per line in files.
_LINES_PER_BUCKET = 8_000_000
_BYTES_PER_LINE = {".parquet": 14, ".gz": 14}
_BYTES_PER_LINE_OF_TEXT = 70


@dataclass(frozen=True)
class Prepared:
    """A shop's data, checked and rolled up, ready for vectors.

    Attributes
    ----------
    first_day, last_day
        Days of the first and last order line.
    fingerprint
        Changes when any good row of any table changes.
    lines_without_cost
        Number of order lines whose margin is assumed from the shop's margin rate.
    checked_at
        When new data were last found in the tables, naive UTC.
    work
        What was done with each table and the roll-ups: kept, appended or rebuilt.
    """

    reports: tuple[TableReport, ...]
    rollups: Rollups
    clean: dict[str, ir.Table]
    first_day: date
    last_day: date
    fingerprint: str
    lines_without_cost: int
    checked_at: datetime
    work: dict[str, Work]
    store: Store

    @property
    def today(self) -> date:
        """The cutoff that sees all orders: the day after the last order line."""
        return self.last_day + timedelta(days=1)

    @property
    def reused(self) -> bool:
        """Whether everything was up to date already."""
        return set(self.work.values()) == {"kept"}


def prepare(
    engine: Engine,
    settings: DataSettings,
    now: datetime,
    progress: Progress = silent,
    *,
    rebuild: bool = False,
) -> Prepared:
    """Check and roll up what is new in the tables that the settings name.

    Parameters
    ----------
    now
        Naive UTC; rows dated later are bad.
    rebuild
        Read and roll up everything again.

    Raises
    ------
    DataError
        A file or a required column is missing, a table is empty, or more of its rows are bad
        than ``checks.tolerance`` allows.
    """
    workspace = settings.base / settings.workspace
    places = {
        table: find_places(TABLES[table], sources, settings.base, workspace / "landing")
        for table, sources in settings.tables.items()
    }
    store = Store(workspace) if rebuild else Store.read(workspace)
    # Spark partitions its work by itself.
    by_size = 1 if settings.engine.kind == "spark" else _buckets(places["orders"], store)
    buckets = settings.engine.buckets or by_size
    if buckets != store.buckets or not store.tables:
        store = Store(workspace, buckets)
        store.forget(*(workspace / part for part in ("clean", "quarantine", "rollups", "restated")))
    for table in store.tables.keys() - places.keys():
        if table not in _DERIVED or store.tables[table].report is not None:
            store.drop(table)

    work: dict[str, Work] = {}
    tick = progress("Checking", len(places) + 1)
    for table, found in places.items():
        work[table] = _refresh_table(engine, store, settings, table, found, now)
        tick()
    for table in _DERIVED.keys() - places.keys():
        _derive(engine, store, table)
    tick()
    shop = _digest(settings.shop.model_dump(mode="json", include={"margin_rate"}))
    work["rollups"] = refresh_rollups(engine, store, settings.shop, shop, progress)
    if set(work.values()) != {"kept"} or _CHECKED_AT not in store.facts:
        store.facts = {**_facts(engine, store, settings), _CHECKED_AT: now.isoformat()}
        store.save()
    return _opened(engine, store, settings, work)


def open_prepared(engine: Engine, settings: DataSettings) -> Prepared:
    """Open what :func:`prepare` made before, without reading files or writing anything.

    Raises
    ------
    DataError
        There is nothing, or it was made by an incompatible version.
    """
    store = Store.read(settings.base / settings.workspace)
    if _CHECKED_AT not in store.facts or not settings.tables.keys() <= store.tables.keys():
        raise DataError(f"no tables are checked in {store.folder}", "run `regulars refresh` first")
    return _opened(engine, store, settings, dict.fromkeys((*settings.tables, "rollups"), "kept"))


def _refresh_table(
    engine: Engine,
    store: Store,
    settings: DataSettings,
    table: str,
    places: list[Place],
    now: datetime,
) -> Work:
    """Check what is new in one table: nothing, some files, or all of it."""
    signatures = [place.signature for place in places]
    definition = _definition(settings, table)
    known = store.tables.get(table)
    new = places
    if known is not None:
        grown = known.definition == definition and all(f in signatures for f in known.files)
        new = [p for p, file in zip(places, signatures, strict=True) if file not in known.files]
        # Duplicates by key or across sources can only be found among all rows of a table.
        alone = not TABLES[table].key and len({place.index for place in places}) == 1
        if grown and not new:
            return "kept"
        if not (grown and alone):
            known, new = None, places
            store.drop(table)
    part = store.new_part()
    for folder in (store.clean_folder(table), store.quarantine_folder(table)):
        store.remove_part(folder, part)
    report = check_table(
        engine, table, new, settings.checks, now, store.folder, part=part, buckets=store.buckets
    )
    store.forget(store.folder / "landing")
    if known is not None and known.report is not None:
        report = TableReport.from_json(known.report) + report
    stop_if_unusable(report, settings.checks, store.quarantine_folder(table))
    parts = [*(known.parts if known is not None else []), part]
    store.tables[table] = TableState(definition, signatures, parts, report.to_json())
    store.save()
    return "rebuilt" if known is None else "appended"


def _derive(engine: Engine, store: Store, table: str) -> None:
    """Derive a table that the shop does not bring from its orders."""
    orders, known = store.tables["orders"].parts, store.tables.get(table)
    if known is not None and known.files == orders:
        return
    before = None
    if known is not None and orders[: len(known.files)] == known.files:
        before = store.open_clean(engine, table, prefix="before")
        orders = orders[len(known.files) :]
    lines = store.open_clean(engine, "orders", parts=orders, prefix="new")
    made, part, folder = _DERIVED[table](lines, before), store.new_part(), store.clean_folder(table)
    share = bucket_of(made[C.CUSTOMER_ID], store.buckets) if C.CUSTOMER_ID in made.columns else 0
    engine.write(made.mutate(**{BUCKET: share}), folder, part)
    for old in [] if known is None else known.parts:
        store.remove_part(folder, old)
    store.tables[table] = TableState("derived", list(store.tables["orders"].parts), [part])
    store.save()


def _opened(
    engine: Engine, store: Store, settings: DataSettings, work: dict[str, Work]
) -> Prepared:
    reports = [_report(store, table) for table in settings.tables]
    return Prepared(
        reports=tuple(reports),
        rollups=store.open_rollups(engine),
        clean={table: store.open_clean(engine, table) for table in store.tables},
        first_day=from_epoch_day(store.facts["first_day"]),
        last_day=from_epoch_day(store.facts["last_day"]),
        fingerprint=data_fingerprint(store, settings.tables),
        lines_without_cost=store.facts["lines_without_cost"],
        checked_at=datetime.fromisoformat(store.facts[_CHECKED_AT]),
        work=work,
        store=store,
    )


def data_fingerprint(store: Store, tables: Iterable[str]) -> str:
    """Return a digest of all good rows of some checked tables."""
    reports = [TableReport.from_json(store.tables[table].report or {}) for table in tables]
    joined = "".join(f"{report.table}:{report.fingerprint};" for report in reports)
    return hashlib.sha256(joined.encode()).hexdigest()[:16]


def _report(store: Store, table: str) -> TableReport:
    report = TableReport.from_json(store.tables[table].report or {})
    notice = store.facts["notices"].get(table)
    return report if notice is None else replace(report, notices=(notice,))


def _facts(engine: Engine, store: Store, settings: DataSettings) -> dict[str, Any]:
    """Return facts about the data that take a scan of all of it."""
    moves = store.open_rollups(engine, names=("order_moves",))["order_moves"]
    totals = moves.aggregate(
        first=moves[DAY].min(), last=moves[DAY].max(), assumed=moves.lines_assumed.sum()
    )
    first, last, assumed = engine.frame(totals).iloc[0]
    return {
        "first_day": int(first),
        "last_day": int(last),
        "lines_without_cost": int(assumed),
        "notices": _notices(engine, store, settings),
    }


def _notices(engine: Engine, store: Store, settings: DataSettings) -> dict[str, str]:
    """Report what is odd but usable: orders of customers or products that no table describes."""
    orders = store.open_clean(engine, "orders")
    notices = {}
    for table, key, what in (
        ("customers", C.CUSTOMER_ID, "profile"),
        ("products", C.PRODUCT_ID, "category and cost"),
    ):
        if table not in settings.tables:
            continue
        named = orders.filter(orders[key].notnull())
        strangers = named.anti_join(store.open_clean(engine, table), key)
        count = strangers.aggregate(lines=strangers.count(), ids=strangers[key].nunique())
        lines, ids = engine.frame(count).iloc[0]
        if lines:
            notices[table] = (
                f"{lines:,} order lines name {ids:,} {table} that the {table} table does not "
                f"know: they are kept, without {what}"
            )
    return notices


def _buckets(orders: list[Place], store: Store) -> int:
    """Choose the number of shares by size; keep the present one within a factor of 2."""
    lines = sum(
        place.size_bytes / _BYTES_PER_LINE.get(place.file.suffix, _BYTES_PER_LINE_OF_TEXT)
        for place in orders
    )
    wanted = ceil(max(lines, 1) / _LINES_PER_BUCKET)
    near = store.buckets / 2 <= wanted <= store.buckets * 2
    return store.buckets if store.tables and near else wanted


def _definition(settings: DataSettings, table: str) -> str:
    """Return a digest of the settings that a checked table depends on."""
    sources = [source.model_dump(mode="json") for source in settings.tables[table]]
    checks = settings.checks.model_dump(mode="json", exclude={"tolerance"})
    checks["expected"] = sorted(checks["expected"])
    return _digest([sources, checks, settings.engine.kind])


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
