"""Contractual churn: whose contracts end without being followed by another.

Contracts that follow one another within 30 days form one spell of being a customer. The end of a
spell is churn, on the last day of its last contract. So neither a notice nor a pause of up to 30
days is churn by itself, and a customer who comes back after a longer pause did churn. As in all
labels, what became known of a contract later counts: labels say what happened.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from features.engine import Engine
from features.family import AS_OF_DAY, KEYS
from features.labels.window import frame_by_share, require
from features.rollup import DAY, Rollups
from features.vectors import register_cutoffs
from features.vocabulary import Columns as C

GRACE_DAYS = 30

# The last day of contracts without an end; later than any real day.
_NO_END = 10_000_000


def build_contract_labels(
    engine: Engine, rollups: Rollups, cutoffs: Sequence[date], horizon_days: int
) -> pd.DataFrame:
    """Return which customers with a contract let their last one end within the horizon.

    The population is everyone with an active contract: one that began before the cutoff and whose
    last day, if it has one, is not before it, as the feature ``contracts_active`` counts them.

    Parameters
    ----------
    cutoffs
        Each at least ``horizon_days + GRACE_DAYS`` before the end of the data: otherwise
        contracts whose successor is yet to come would count as churn.

    Returns
    -------
    Frame sorted by customer_id and as_of with ``churned`` (1 when the last day of the customer's
    last contract falls in the horizon and no other begins within 30 days after it) and
    ``lapses_in_days``: days from the cutoff to that last day, however far ahead; missing where
    no end is known.

    Raises
    ------
    TrainingError
        The shop has no contracts.
    """
    labels = build_contract_labels_at_horizons(engine, rollups, cutoffs, [horizon_days])
    return labels.drop(columns="horizon_days")


def build_contract_labels_at_horizons(
    engine: Engine, rollups: Rollups, cutoffs: Sequence[date], horizons_days: Sequence[int]
) -> pd.DataFrame:
    """Return the outcomes of :func:`build_contract_labels` over several horizons, in one pass.

    Whoever churned over a shorter horizon churned over every longer one.

    Returns
    -------
    Frame sorted by customer_id, as_of and ``horizon_days``, one row for each of them.
    """
    require(rollups, "contract_moves", "contracts", "who lets their contracts lapse")
    cutoff_table = register_cutoffs(engine, cutoffs)
    horizons = np.array(sorted(set(horizons_days)), dtype=np.int64)

    def compute(share: Rollups) -> ir.Table:
        return _days_to_lapse(_with_spells(_contracts(share["contract_moves"])), cutoff_table)

    wide = frame_by_share(engine, rollups, compute)
    lapses = wide["lapses_in_days"].astype("float64")
    long = wide[[C.CUSTOMER_ID, C.AS_OF]].loc[wide.index.repeat(len(horizons))]
    in_days = lapses.repeat(len(horizons)).to_numpy()
    ahead = np.tile(horizons, len(wide))
    return long.reset_index(drop=True).assign(
        horizon_days=ahead,
        churned=(in_days < ahead).astype(np.int8),
        lapses_in_days=in_days,
    )


def _contracts(moves: ir.Table) -> ir.Table:
    """One row per contract that ever ran: its first and last day."""
    ended_on = ibis.ifelse(moves.ended == 1, moves[DAY], None)
    contracts = moves.group_by(C.CUSTOMER_ID, C.CONTRACT_ID).aggregate(
        starts_on=moves.starts_on.max().cast("int64"),
        ends_on=ended_on.max().cast("int64").fill_null(_NO_END),
    )
    # Contracts cancelled before their start never ran.
    return contracts.filter(contracts.ends_on >= contracts.starts_on)


def _with_spells(contracts: ir.Table) -> ir.Table:
    """Add the last day of the spell that each contract belongs to."""
    in_order = [contracts.starts_on, contracts[C.CONTRACT_ID]]
    earlier = ibis.window(group_by=contracts[C.CUSTOMER_ID], order_by=in_order, preceding=(None, 1))
    contracts = contracts.mutate(covered_until=contracts.ends_on.max().over(earlier))
    follows = contracts.starts_on - contracts.covered_until <= GRACE_DAYS
    contracts = contracts.mutate(begins_spell=ibis.ifelse(follows, 0, 1))
    so_far = ibis.window(
        group_by=contracts[C.CUSTOMER_ID],
        order_by=[contracts.starts_on, contracts[C.CONTRACT_ID]],
        preceding=None,
        following=0,
    )
    contracts = contracts.mutate(spell=contracts.begins_spell.sum().over(so_far))
    of_spell = ibis.window(group_by=[contracts[C.CUSTOMER_ID], contracts.spell])
    return contracts.mutate(spell_ends_on=contracts.ends_on.max().over(of_spell))


def _days_to_lapse(contracts: ir.Table, cutoffs: ir.Table) -> ir.Table:
    """Return the days until the spell ends, for everyone with an active contract."""
    paired = contracts.cross_join(cutoffs)
    standing = paired.filter(
        (paired.starts_on < paired[AS_OF_DAY]) & (paired[AS_OF_DAY] <= paired.ends_on)
    )
    last = standing.group_by(*KEYS).aggregate(last_day=standing.spell_ends_on.max())
    days = ibis.ifelse(last.last_day < _NO_END, last.last_day - last[AS_OF_DAY], None)
    return last.select(*KEYS, lapses_in_days=days)
