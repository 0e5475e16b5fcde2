"""Customer vectors: every family's columns for every customer at every cutoff."""

from __future__ import annotations

import functools
import hashlib
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from features.engine import Engine, compile_sql
from features.family import AS_OF_DAY, KEYS, Column, Family, history, left_join
from features.numbering import NUMBERS, forget_numbered, number_customers, with_ids, with_numbers
from features.progress import Progress, silent
from features.rollup import DAY, KNOWN_FROM, Rollups, to_epoch_day
from features.vocabulary import Columns as C
from features.wording import counted

# Ratios of cents are often exactly half-way between two sixth decimals, where the last bit would
# decide the rounding. Shifted a little, they are not.
_OFF_THE_TIES = 1e-8 / math.pi
# With fewer cutoffs, numbering the customers costs more than it saves.
_CUTOFFS_TO_NUMBER = 3


@dataclass(frozen=True)
class Vectors:
    """Feature columns by customer and cutoff.

    Attributes
    ----------
    frame
        One row per ``(customer_id, as_of)``, sorted by both; ``as_of`` is a date. Numbers are
        float64, categories strings; NaN where missing.
    columns
        The feature columns with their meanings, in the frame's order.
    fingerprint
        Changes when the definition of any family does.
    """

    frame: pd.DataFrame
    columns: tuple[Column, ...]
    fingerprint: str

    @property
    def names(self) -> list[str]:
        """Names of the feature columns."""
        return [column.name for column in self.columns]


def available_families(families: Sequence[Family], rollups: Rollups) -> tuple[Family, ...]:
    """Return the families whose roll-ups the shop has."""
    return tuple(f for f in families if all(name in rollups for name in f.reads))


def register_cutoffs(engine: Engine, cutoffs: Sequence[date]) -> ir.Table:
    """Make the table of cutoffs that families are paired with."""
    days = np.array(sorted({to_epoch_day(day) for day in cutoffs}), dtype=np.int32)
    return engine.register("cutoffs", pd.DataFrame({AS_OF_DAY: days}))


def build_vectors(
    engine: Engine,
    rollups: Rollups,
    families: Sequence[Family],
    cutoffs: Sequence[date],
    customers: Sequence[str] | None = None,
) -> Vectors:
    """Compute all families for all cutoffs in one pass, in memory.

    Parameters
    ----------
    customers
        Ids to compute vectors for; by default everyone with an order line or a cost before the
        cutoff. A customer without history has no row.
    """
    families = available_families(families, rollups)
    shares = _by_share(engine, rollups, families, cutoffs, customers)
    parts = [engine.frame(vectors) for vectors in shares]
    frame = pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]
    columns = tuple(column for family in families for column in family.columns)
    return Vectors(_plain(frame, columns), columns, fingerprint(families, rollups))


def write_vectors(
    engine: Engine,
    rollups: Rollups,
    families: Sequence[Family],
    cutoffs: Sequence[date],
    folder: Path,
    progress: Progress = silent,
) -> None:
    """Compute all families for all cutoffs share by share, into Parquet files in ``folder``.

    Memory is bounded by a share. The columns are those of :func:`build_vectors`, with
    ``as_of_day`` (days since 1970-01-01) for ``as_of``; rows are in no particular order.
    """
    families = available_families(families, rollups)
    tick = progress(f"Vectors at {counted(len(set(cutoffs)), 'cutoff')}", rollups.buckets)
    shares = _by_share(engine, rollups, families, cutoffs, None)
    for number, vectors in enumerate(shares):
        engine.write(vectors, folder, f"vectors-{number:04d}")
        tick()


def with_history(rollups: Rollups, cutoffs: ir.Table) -> ir.Table:
    """Return the keys of all vectors: everyone of whom something was known at a cutoff."""
    facts = rollups["customer_day"]
    # The first fact of each customer decides; to pair all of them with cutoffs takes longer.
    first = facts.group_by(C.CUSTOMER_ID).aggregate(
        facts[DAY].min().name(DAY), facts[KNOWN_FROM].min().name(KNOWN_FROM)
    )
    return history(first, cutoffs).select(*KEYS)


def fingerprint(families: Sequence[Family], rollups: Rollups) -> str:
    """Return a digest of the families' definitions: their SQL and their columns' descriptions.

    It depends on the names and schemas of the roll-ups, not on their rows or files.
    """
    named = Rollups({name: ibis.table(t.schema(), name) for name, t in rollups.tables.items()})
    cutoffs = ibis.table({AS_OF_DAY: "int32"}, "cutoffs")
    digest = hashlib.sha256()
    for family in families:
        digest.update(sorted_sql(_computed(family, named, cutoffs)).encode())
        digest.update(repr(family.columns).encode())
    return digest.hexdigest()[:16]


def sorted_sql(expression: ir.Table) -> str:
    """Return an expression's SQL, the same in every process.

    Ibis keeps dropped columns in a set, whose order differs between processes.
    """

    def in_order(names: re.Match[str]) -> str:
        return f"EXCLUDE ({', '.join(sorted(names[1].split(', ')))})"

    return re.sub(r"EXCLUDE \(([^)]*)\)", in_order, compile_sql(expression))


def _by_share(
    engine: Engine,
    rollups: Rollups,
    families: Sequence[Family],
    cutoffs: Sequence[date],
    customers: Sequence[str] | None,
) -> Iterator[ir.Table]:
    """Yield the vectors of one share of the customers after the other, each valid until the next.

    Families are computed one by one, since one query for all would need memory for all at once.
    """
    days = register_cutoffs(engine, cutoffs)
    wanted = None if customers is None else _register_customers(engine, customers)
    many = wanted is None and len(set(cutoffs)) >= _CUTOFFS_TO_NUMBER
    for share in rollups.shares():
        chosen = share if wanted is None else _only(share, wanted)
        numbers = number_customers(engine, chosen) if many and engine.numbers_customers else None
        if numbers is not None:
            chosen = with_numbers(engine, chosen, families, numbers)
        computed = {"spine": with_history(chosen, days)}
        computed |= {f"family_{f.name}": _computed(f, chosen, days) for f in families}
        made = engine.create_all(computed)
        forget_numbered(engine, chosen)
        vectors = _side_by_side(tuple(table.op() for table in made))
        yield vectors if numbers is None else with_ids(vectors, numbers)
        engine.drop(*computed, NUMBERS)


def _computed(family: Family, rollups: Rollups, cutoffs: ir.Table) -> ir.Table:
    """Return the expression of a family's rounded columns."""
    reads = tuple((name, rollups[name].op()) for name in family.reads)
    return _expression(family, reads, cutoffs.op())


@functools.lru_cache(maxsize=512)
def _expression(family: Family, reads: tuple[tuple[str, Any], ...], cutoffs: Any) -> ir.Table:
    """Build an expression, cached by its tables: that takes longer than a small query."""
    tables = {name: operation.to_expr() for name, operation in reads}
    rows = family.compute(Rollups(tables), cutoffs.to_expr())
    return rows.select(*KEYS, **{column.name: _rounded(rows, column) for column in family.columns})


@functools.lru_cache(maxsize=64)
def _side_by_side(tables: tuple[Any, ...]) -> ir.Table:
    """Join families' columns to the keys."""
    spine, *parts = tables
    joined: ir.Table = spine.to_expr()
    for part in parts:
        joined = left_join(joined, part.to_expr())
    return joined


def _register_customers(engine: Engine, customers: Sequence[str]) -> ir.Table:
    ids = pd.DataFrame({C.CUSTOMER_ID: pd.Series(sorted(set(customers)), dtype="str")})
    return engine.register("wanted_customers", ids)


def _only(rollups: Rollups, customers: ir.Table) -> Rollups:
    """Restrict the roll-ups that are by customer to some of them."""
    return Rollups(
        {
            name: table.semi_join(customers, C.CUSTOMER_ID)
            if C.CUSTOMER_ID in table.columns
            else table
            for name, table in rollups.tables.items()
        }
    )


def _rounded(rows: ir.Table, column: Column) -> ir.Value:
    """Cast a feature to its type, and round numbers to six decimals.

    The last bits of a sum depend on the order of addition; rounding makes vectors the same
    however they were computed.
    """
    value = rows[column.name]
    if column.kind == "category":
        return value.cast("string")
    # Several times as fast as `round(6)`, which computes a power of ten for every number.
    millionths = (value.cast("float64") + _OFF_THE_TIES) * 1e6
    return millionths.round(0) / 1e6


def _plain(frame: pd.DataFrame, columns: Sequence[Column]) -> pd.DataFrame:
    """Sort by key, and make every feature float64 or string."""
    frame = frame.sort_values(list(KEYS), ignore_index=True)
    if frame.duplicated(list(KEYS)).any():
        raise ValueError("a family has more than one row for a key")
    as_of = pd.to_datetime(frame[AS_OF_DAY], unit="D").dt.date
    features = {
        column.name: frame[column.name].astype("str" if column.kind == "category" else "float64")
        for column in columns
    }
    ids = frame[C.CUSTOMER_ID].astype("str")
    return pd.DataFrame({C.CUSTOMER_ID: ids, C.AS_OF: as_of, **features})
