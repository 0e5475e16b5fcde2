"""What all labels share: the horizon, the population, and running them share by share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import ibis.expr.types as ir
import pandas as pd

from features.engine import Engine
from features.errors import TrainingError
from features.family import AGE_DAYS, AS_OF_DAY, KEYS, net_positive_orders
from features.rollup import DAY, Rollups
from features.vocabulary import Columns as C

DAYS_AHEAD = "days_ahead"


def in_horizon(facts: ir.Table, cutoffs: ir.Table, horizon_days: int) -> ir.Table:
    """Pair facts with each cutoff in whose horizon they fall, and add ``days_ahead`` (from 0)."""
    paired = facts.cross_join(cutoffs)
    ahead = paired.mutate((paired[DAY] - paired[AS_OF_DAY]).name(DAYS_AHEAD))
    return ahead.filter((ahead[DAYS_AHEAD] >= 0) & (ahead[DAYS_AHEAD] < horizon_days))


def population(rollups: Rollups, cutoffs: ir.Table, lookback_days: int) -> ir.Table:
    """Return who is labelled: everyone with a net-positive order in the days before a cutoff."""
    past = net_positive_orders(rollups, cutoffs)
    return past.filter(past[AGE_DAYS] <= lookback_days).select(*KEYS).distinct()


def require(rollups: Rollups, rollup: str, table: str, label: str) -> None:
    """Raise a :class:`TrainingError` if the shop lacks the table that a label is read from."""
    if rollup not in rollups:
        raise TrainingError(
            f"the shop has no {table} table: {label} cannot be known",
            f"name one under [[tables.{table}]]",
        )


def frame_by_share(
    engine: Engine,
    rollups: Rollups,
    compute: Callable[[Rollups], ir.Table],
    keys: Sequence[str] = KEYS,
) -> pd.DataFrame:
    """Compute a label for one share of the customers after the other.

    Returns
    -------
    The rows of all shares, sorted by ``keys``, with the date ``as_of`` for ``as_of_day``.
    """
    parts = []
    for share in rollups.shares():
        table = compute(share)
        # An empty text column comes back with dtype object.
        text = [name for name, type_ in table.schema().items() if type_.is_string()]
        parts.append(engine.frame(table).astype(dict.fromkeys(text, "str")))
    frame = pd.concat(parts, ignore_index=True).sort_values(list(keys), ignore_index=True)
    frame[AS_OF_DAY] = as_dates(frame[AS_OF_DAY])
    return frame.rename(columns={AS_OF_DAY: C.AS_OF})


def as_dates(days: pd.Series) -> pd.Series:
    """Turn days since 1970-01-01 into dates, missing ones into ``NaT``."""
    return pd.to_datetime(days, unit="D").dt.date
