"""Customer vectors: every family's columns for every customer at every cutoff."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import ibis.expr.types as ir
import numpy as np
import pandas as pd

from features.engine import Engine, compile_sql
from features.family import AS_OF_DAY, KEYS, Column, Family, history
from features.rollup import Rollups
from features.vocabulary import Columns as C

_EPOCH = date(1970, 1, 1)
# Ratios of cents often lie half-way between two sixth decimals, where a last bit would decide
# the rounding; a little beside it nothing lies.
_OFF_THE_TIES = 1e-8 / math.pi


@dataclass(frozen=True)
class Vectors:
    """Feature columns by customer and cutoff.

    Attributes
    ----------
    frame
        One row per ``(customer_id, as_of)``, sorted by both; ``as_of`` is a date. Numbers are
        float64, categories strings; missing is missing.
    columns
        What each feature column means, in order.
    fingerprint
        Changes when any family's definition does.
    """

    frame: pd.DataFrame
    columns: tuple[Column, ...]
    fingerprint: str

    @property
    def names(self) -> list[str]:
        """Names of the feature columns."""
        return [column.name for column in self.columns]


def to_epoch_day(day: date) -> int:
    """Return days since 1970-01-01."""
    return (day - _EPOCH).days


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
    """Compute all families for all cutoffs in one pass.

    Parameters
    ----------
    customers
        Only these; by default everyone with an order line or a cost before the cutoff. A
        customer without history has no row.
    """
    wanted = rollups if customers is None else _only(engine, rollups, customers)
    families = available_families(families, rollups)
    cutoff_table = register_cutoffs(engine, cutoffs)
    seen = history(wanted["customer_day"], cutoff_table)
    spine = engine.create("spine", seen.select(*KEYS).distinct())
    columns = tuple(column for family in families for column in family.columns)
    digest, keys = hashlib.sha256(), ", ".join(KEYS)
    frame = engine.frame(spine.order_by(*KEYS))
    for family in families:
        definition = compile_sql(family.compute(rollups, cutoff_table))
        digest.update(definition.encode())
        alone = wanted is not rollups
        sql = compile_sql(family.compute(wanted, cutoff_table)) if alone else definition
        part = engine.execute(
            f"SELECT * FROM spine LEFT JOIN ({sql}) USING ({keys}) ORDER BY {keys}"
        ).df()
        if len(part) != len(frame):
            raise ValueError(f"family {family.name} has more than one row for a key")
        # Sums of the same numbers differ in their last bits by the order of addition;
        # rounding makes vectors equal however they were computed.
        frame = pd.concat([frame, _plain(part, family.columns)], axis=1)
    frame.insert(1, C.AS_OF, pd.to_datetime(frame[AS_OF_DAY], unit="D").dt.date)
    digest.update(repr(columns).encode())
    return Vectors(frame.drop(columns=AS_OF_DAY), columns, digest.hexdigest()[:16])


def _only(engine: Engine, rollups: Rollups, customers: Sequence[str]) -> Rollups:
    """Restrict every roll-up to some customers."""
    ids = pd.DataFrame({C.CUSTOMER_ID: pd.Series(sorted(set(customers)), dtype="str")})
    wanted = engine.register("wanted_customers", ids)
    return Rollups(
        {name: table.semi_join(wanted, C.CUSTOMER_ID) for name, table in rollups.tables.items()}
    )


def _plain(part: pd.DataFrame, columns: Sequence[Column]) -> pd.DataFrame:
    """Give features plain types: float64 with NaN, or strings."""
    return pd.DataFrame(
        {
            column.name: part[column.name].astype("str")
            if column.kind == "category"
            else (part[column.name].astype("float64") + _OFF_THE_TIES).round(6)
            for column in columns
        }
    )
