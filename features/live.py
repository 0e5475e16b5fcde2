"""Vectors of a few customers now: the same families, over stored roll-ups and fresh records.

Roll-ups are additive, so fresh records are rolled up alone and appended to the stored rows of the
customers whom they concern; what is not additive, such as the states of their orders, is computed
again from all of their rows. The vectors equal those of a refresh and a batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime

import ibis.expr.types as ir
import pandas as pd

from features.adjustments import without_adjustment_codes
from features.casts import flagged, typed
from features.engine import SOURCE_FILE, SOURCE_ROW, Engine
from features.errors import DataError
from features.family import Family
from features.prepare import Prepared
from features.refresh import build_rollups
from features.rollup import Rollup, Rollups, Tables, discover_rollups
from features.rules import REASONS, rules_for
from features.settings import CheckSettings, ShopSettings
from features.vectors import Vectors, build_vectors
from features.vocabulary import TABLES
from features.vocabulary import Columns as C


def vectors_now(
    engine: Engine,
    prepared: Prepared,
    shop: ShopSettings,
    families: Sequence[Family],
    fresh: Mapping[str, pd.DataFrame],
    as_of: date,
    now: datetime,
    customers: Sequence[str] = (),
    checks: CheckSettings | None = None,
    *,
    set_aside: bool = False,
) -> Vectors:
    """Compute the vectors of a few customers from what is stored and what is fresh.

    Parameters
    ----------
    fresh
        Records that are in no file yet, by table of the vocabulary; optional columns may be
        absent.
    as_of
        The cutoff: tomorrow, if today's records are to count.
    now
        Naive UTC; records dated later are bad.
    customers
        Ids to compute vectors for, besides the customers named in ``fresh``.
    checks
        The shop's settings, which tell products from adjustments.
    set_aside
        Leave bad records out, as a batch does, instead of raising on the first.

    Raises
    ------
    DataError
        A fresh record is bad, or belongs to a table that the shop's files do not have.
    """
    tables = {
        table: _checked(
            engine, table, frame, now, prepared, checks or CheckSettings(), set_aside=set_aside
        )
        for table, frame in fresh.items()
    }
    named = [frame[C.CUSTOMER_ID] for frame in fresh.values() if C.CUSTOMER_ID in frame.columns]
    everyone = sorted({*customers, *(str(name) for ids in named for name in ids)})
    rollups = _with_fresh(engine, prepared, shop, tables, everyone)
    return build_vectors(engine, rollups, families, [as_of])


def _checked(
    engine: Engine,
    table: str,
    frame: pd.DataFrame,
    now: datetime,
    prepared: Prepared,
    checks: CheckSettings,
    *,
    set_aside: bool,
) -> ir.Table:
    """Give fresh records their types and check them; bad ones are left out or raise."""
    if table not in prepared.store.tables:
        raise DataError(
            f"{table}: fresh records came of a table that the shop's files do not have",
            f"name its files under [tables.{table}], or leave them out",
        )
    spec = TABLES[table]
    placed = frame.reset_index(drop=True)
    placed[SOURCE_FILE], placed[SOURCE_ROW] = "fresh", placed.index + 1
    raw = engine.register(f"fresh_{table}", placed)
    judged = flagged(typed(raw, spec, 0), rules_for(spec, checks, now))
    checked = engine.create(f"checked_{table}", judged)
    good = checked[REASONS] == ""
    bad = checked.filter(~good).order_by(SOURCE_ROW).limit(1)
    first = engine.frame(bad.select(SOURCE_ROW, REASONS))
    checked = checked.filter(good)
    if len(first) and not set_aside:
        raise DataError(
            f"{table}: fresh record {first[SOURCE_ROW].iloc[0]} is bad: {first[REASONS].iloc[0]}",
            "correct it and send it again",
        )
    checked = without_adjustment_codes(checked, checks) if table == "orders" else checked
    return checked.select(*(column.name for column in spec.columns))


def _with_fresh(
    engine: Engine, prepared: Prepared, shop: ShopSettings, fresh: Tables, customers: Sequence[str]
) -> Rollups:
    """Return the roll-ups of some customers as if the fresh records had been appended."""
    ids = pd.DataFrame({C.CUSTOMER_ID: pd.Series(customers, dtype="str")})
    wanted = engine.register("live_customers", ids)
    stored = prepared.rollups
    live: dict[str, ir.Table] = {}

    def write(rollup: Rollup, made: ir.Table) -> ir.Table:
        made = engine.create(f"fresh_{rollup.name}", made)
        before = stored[rollup.name]
        of_customers = C.CUSTOMER_ID in before.columns
        if of_customers:
            before = before.semi_join(wanted, C.CUSTOMER_ID)
        together = made if rollup.restates else before.union(made.select(*before.columns))
        # A copy of what is about the whole shop would cost more than reading it in place.
        live[rollup.name] = (
            engine.create(f"live_{rollup.name}", together) if of_customers else together
        )
        return made

    def choose(rollup: Rollup, tables: Tables) -> Tables:
        """Let what restates read all rows of its customers, the stored ones included."""
        name = rollup.reads[0]
        return {**tables, name: live[name]} if rollup.restates else tables

    tables = {
        name: fresh[name]
        if name in fresh
        else (table.limit(0) if C.CUSTOMER_ID in table.columns else table)
        for name, table in prepared.clean.items()
    }
    rollups = [rollup for rollup in discover_rollups() if rollup.name in stored]
    build_rollups(tables, shop, rollups, write, choose)
    return Rollups(live)
