"""From the user's files to checked tables and roll-ups, once: later runs reuse them.

The workspace remembers what it was made from (files, their sizes and times, the settings);
as long as that is unchanged nothing is read again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir

from features.checks import TableReport, check_table
from features.engine import Engine
from features.progress import Progress, silent
from features.rollup import Rollups
from features.rollups.lines import order_lines
from features.settings import DataSettings
from features.sources import source_files
from features.store import build_rollups, open_rollups
from features.vocabulary import TABLES
from features.vocabulary import Columns as C

_STATE = "state.json"
# Raised whenever what is derived changes meaning: older workspaces are then rebuilt.
_LAYOUT = 3


@dataclass(frozen=True)
class Prepared:
    """A shop's data, checked and rolled up, ready for vectors.

    Attributes
    ----------
    first_day, last_day
        Days of the first and last order line. Today, for the data, is the day after the last.
    fingerprint
        Changes when any kept row of any table changes.
    lines_without_cost
        Order lines whose margin is assumed from the shop's margin rate.
    """

    reports: tuple[TableReport, ...]
    rollups: Rollups
    clean: dict[str, ir.Table]
    first_day: date
    last_day: date
    fingerprint: str
    lines_without_cost: int
    reused: bool

    @property
    def today(self) -> date:
        """The first midnight at which every record was known."""
        return self.last_day + timedelta(days=1)


def prepare(
    engine: Engine, settings: DataSettings, now: datetime, progress: Progress = silent
) -> Prepared:
    """Check and roll up all tables that the settings name, or reuse what stands.

    Parameters
    ----------
    now
        Naive UTC; rows dated later are impossible.
    progress
        Told of each step.
    """
    workspace = settings.base / settings.workspace
    signature = _signature(settings)
    state = _read_state(workspace / _STATE)
    if state is not None and state["signature"] == signature:
        return _open(engine, settings, workspace, state, reused=True)

    _forget(workspace)
    tick = progress("Checking and rolling up", len(settings.tables) + 1)
    reports = []
    for table in settings.tables:
        reports.append(check_table(engine, table, settings, now, settings.base, workspace))
        tick()
    clean = _open_clean(engine, workspace, settings)
    build_rollups(engine, clean, settings.shop, workspace / "rollups")
    tick()
    state = {
        "signature": signature,
        "reports": [report.to_json() for report in reports],
        "notices": _notices(engine, clean, settings),
        "fingerprint": _fingerprint(reports),
        "lines_without_cost": _lines_without_cost(engine, clean, settings),
    }
    (workspace / _STATE).write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
    return _open(engine, settings, workspace, state, reused=False)


def _open(
    engine: Engine, settings: DataSettings, workspace: Path, state: dict[str, Any], *, reused: bool
) -> Prepared:
    reports = tuple(TableReport.from_json(stored) for stored in state["reports"])
    clean = _open_clean(engine, workspace, settings)
    span = clean["orders"].aggregate(first=clean["orders"].ts.min(), last=clean["orders"].ts.max())
    first, last = engine.frame(span).iloc[0]
    return Prepared(
        reports=_with_notices(reports, state["notices"]),
        rollups=open_rollups(engine, workspace / "rollups"),
        clean=clean,
        first_day=first.date(),
        last_day=last.date(),
        fingerprint=state["fingerprint"],
        lines_without_cost=state["lines_without_cost"],
        reused=reused,
    )


def _open_clean(engine: Engine, workspace: Path, settings: DataSettings) -> dict[str, ir.Table]:
    """Open the checked tables; a catalogue that the shop has no table for comes from orders."""
    clean = {
        name: engine.bind_parquet(f"clean_{name}", workspace / "clean" / f"{name}.parquet")
        for name in settings.tables
    }
    if "products" not in clean:
        clean["products"] = _products_from_orders(clean["orders"])
    if "customers" not in clean:
        clean["customers"] = _customers_from_orders(clean["orders"])
    return clean


def _first_row(table: ir.Table, key: str, order_by: list[ir.Value]) -> ir.Table:
    """Keep the row of each key that comes first in ``order_by``."""
    ranked = table.mutate(
        nth=ibis.row_number().over(ibis.window(group_by=table[key], order_by=order_by))
    )
    return ranked.filter(ranked.nth == 0)


def _absent(table: str, present: set[str]) -> dict[str, ir.Value]:
    """Return the vocabulary's other columns of a table, all missing."""
    return {
        column.name: ibis.null().cast(column.type)
        for column in TABLES[table].columns
        if column.name not in present
    }


def _products_from_orders(orders: ir.Table) -> ir.Table:
    """Name and price each product as in its latest sale: the catalogue as it is today."""
    sold = orders.filter((orders[C.QUANTITY] > 0) & (orders[C.UNIT_PRICE] > 0))
    order = [sold[name].desc() for name in (C.TS, C.UNIT_PRICE, C.PRODUCT_NAME, C.UNIT_COST)]
    last = _first_row(sold, C.PRODUCT_ID, order)
    known = {C.PRODUCT_ID, C.PRODUCT_NAME, C.LIST_PRICE, C.UNIT_COST}
    return last.select(
        C.PRODUCT_ID,
        C.PRODUCT_NAME,
        C.UNIT_COST,
        list_price=last[C.UNIT_PRICE],
        **_absent("products", known),
    )


def _customers_from_orders(orders: ir.Table) -> ir.Table:
    """Describe each customer by the first order known: a later one would tell of the future."""
    since = ibis.greatest(orders[C.TS], orders[C.AVAILABLE_AT].fill_null(orders[C.TS]))
    dated = orders.mutate(signed_up_at=since)
    first = _first_row(dated, C.CUSTOMER_ID, [dated[C.SIGNED_UP_AT], dated[C.COUNTRY]])
    known = {C.CUSTOMER_ID, C.COUNTRY, C.SIGNED_UP_AT}
    return first.select(C.CUSTOMER_ID, C.COUNTRY, C.SIGNED_UP_AT, **_absent("customers", known))


def _notices(engine: Engine, clean: dict[str, ir.Table], settings: DataSettings) -> dict[str, str]:
    """Name what is odd but usable: orders of customers or products that no table describes."""
    orders = clean["orders"]
    notices = {}
    for table, key, what in (
        ("customers", C.CUSTOMER_ID, "profile"),
        ("products", C.PRODUCT_ID, "category and cost"),
    ):
        if table not in settings.tables:
            continue
        strangers = orders.anti_join(clean[table], key)
        count = strangers.aggregate(lines=strangers.count(), ids=strangers[key].nunique())
        lines, ids = engine.frame(count).iloc[0]
        if lines:
            notices[table] = (
                f"{lines:,} order lines name {ids:,} {table} that the {table} table does not "
                f"know: they are kept, without {what}"
            )
    return notices


def _lines_without_cost(engine: Engine, clean: dict[str, ir.Table], settings: DataSettings) -> int:
    lines = order_lines(clean, settings.shop)
    assumed = lines.aggregate(count=lines.margin_assumed.sum())
    return int(engine.frame(assumed)["count"].iloc[0])


def _with_notices(
    reports: tuple[TableReport, ...], notices: dict[str, str]
) -> tuple[TableReport, ...]:
    return tuple(
        TableReport(**{**vars(report), "notices": (notices[report.table],)})
        if report.table in notices
        else report
        for report in reports
    )


def _fingerprint(reports: Sequence[TableReport]) -> str:
    """Digest of every kept row of every table."""
    joined = "".join(f"{report.table}:{report.fingerprint};" for report in reports)
    return hashlib.sha256(joined.encode()).hexdigest()[:16]


def _signature(settings: DataSettings) -> str:
    """Digest of everything that the workspace is made from."""
    files = [
        (str(file), file.stat().st_size, file.stat().st_mtime_ns)
        for table, sources in settings.tables.items()
        for source in sources
        for file in source_files(source, settings.base, table)
    ]
    settled = settings.model_dump(mode="json", include={"shop", "tables", "checks"})
    settled["checks"]["expected"] = sorted(settled["checks"]["expected"])
    text = json.dumps([_LAYOUT, files, settled], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _forget(workspace: Path) -> None:
    """Remove what was derived before: a table that is named no longer must not live on in it."""
    (workspace / _STATE).unlink(missing_ok=True)
    tables = [workspace / part / f"{t}.parquet" for part in ("clean", "quarantine") for t in TABLES]
    for derived in [*tables, *(workspace / "rollups").glob("*.parquet")]:
        derived.unlink(missing_ok=True)


def _read_state(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    try:
        stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError:
        return None
    return stored
