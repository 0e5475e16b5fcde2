"""Relationship: the contracts and products that a customer holds, has held and has cancelled.

The end of a contract is known from the day of the notice, else only once it is past;
:mod:`features.rollups.contracts` explains why. So ``notice_end_days`` covers only contracts under
notice, and an end that was agreed at the start shows in no column before its day. A contract is
active at cutoffs after its first day, up to and including its last.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.family import AGE_DAYS, AS_OF_DAY, KEYS, Column, Family, history
from features.rollup import DAY, Rollups
from features.vocabulary import Columns as C

RENEWED_WITHIN_DAYS = 30
_NEVER = "never held a contract"

COLUMNS = (
    Column("contract_tenure_days", "days since the first contract began", "days", _NEVER),
    Column("contracts_ever", "contracts begun so far", "contracts", _NEVER),
    Column("contracts_active", "contracts begun and not past their last day", "contracts", _NEVER),
    Column("oldest_active_contract_days", "days since the oldest active contract began", "days",
           "no active contract"),
    Column("products_held", "distinct products of active contracts", "products", _NEVER),
    Column("products_ever_held", "distinct products of all contracts so far", "products", _NEVER),
    Column("contracts_cancelled", "contracts that notice was given of so far", "contracts",
           _NEVER),
    Column("notices_pending", "active contracts that notice was given of", "contracts", _NEVER),
    Column("notice_end_days", "days to the nearest last day of an active contract under notice",
           "days", "no notice pending"),
    Column("last_contract_start_days", "days since a contract last began", "days", _NEVER),
    Column("last_notice_days", "days since notice was last given", "days", "never gave notice"),
    Column("last_contract_end_days", "days since the last day of the contract that ended last",
           "days", "no contract has ended"),
    Column("contract_renewals", f"contracts that began within {RENEWED_WITHIN_DAYS} days after "
           "another of the customer's had ended", "contracts", _NEVER),
    Column("contract_level_changes", "contracts at another level than the one for the same "
           "product that began before", "contracts", _NEVER),
    Column("contract_level", "level of the active contract that began last and names one; of "
           "equals, the first by contract id", "name", "no active contract names a level",
           kind="category"),
)  # fmt: skip


def compute(rollups: Rollups, cutoffs: ir.Table) -> ir.Table:
    """Describe each contract as known at each cutoff, then sum by customer."""
    contracts = _contracts(history(_with_successions(rollups["contract_moves"]), cutoffs))
    active = contracts.ended_days.isnull()
    pending = active & contracts.notice_days.notnull()

    def where(condition: ir.BooleanValue, value: ir.Value) -> ir.Value:
        return ibis.ifelse(condition, value, None)

    latest_first = ibis.window(
        group_by=[contracts[key] for key in KEYS],
        order_by=[
            ibis.desc((active & contracts[C.LEVEL].notnull()).cast("int64")),
            ibis.asc(contracts.started_days),
            ibis.asc(contracts[C.CONTRACT_ID]),
        ],
    )
    contracts = contracts.mutate(
        active=active, pending=pending, rank=ibis.row_number().over(latest_first)
    )
    level = where(contracts.active & (contracts.rank == 0), contracts[C.LEVEL])
    facts = contracts.group_by(*KEYS).aggregate(
        contract_tenure_days=contracts.started_days.max(),
        contracts_ever=contracts.count(),
        contracts_active=contracts.active.cast("int64").sum(),
        oldest_active_contract_days=where(contracts.active, contracts.started_days).max(),
        products_held=where(contracts.active, contracts[C.PRODUCT_ID]).nunique(),
        products_ever_held=contracts[C.PRODUCT_ID].nunique(),
        contracts_cancelled=contracts.notice_days.count(),
        notices_pending=contracts.pending.cast("int64").sum(),
        notice_end_days=where(contracts.pending, contracts.ends_on - contracts[AS_OF_DAY]).min(),
        last_contract_start_days=contracts.started_days.min(),
        last_notice_days=contracts.notice_days.min(),
        last_contract_end_days=contracts.ended_days.min(),
        contract_renewals=contracts.is_renewal.sum(),
        contract_level_changes=contracts.is_level_change.sum(),
        contract_level=level.max(),
    )
    return facts.select(*KEYS, *(column.name for column in COLUMNS))


def _with_successions(moves: ir.Table) -> ir.Table:
    """Mark the starts that renew another contract or change its level.

    Only earlier moves are looked at, and they are known wherever the start is: no cutoff needed.
    """
    # Within a day: ends first, then starts, then the ends of contracts that began that day.
    step = ibis.cases((moves.started == 1, 1), (moves.starts_on == moves[DAY], 2), else_=0)
    by_customer = ibis.window(
        group_by=moves[C.CUSTOMER_ID],
        order_by=[moves[DAY], step],
        preceding=None,
        following=0,
    )
    last_end = ibis.ifelse(moves.ended == 1, moves[DAY], None).max().over(by_customer)
    starts_of_product = ibis.window(
        group_by=[moves[C.CUSTOMER_ID], moves[C.PRODUCT_ID], moves.started],
        order_by=[moves[DAY], moves[C.CONTRACT_ID]],
    )
    level_before = moves[C.LEVEL].lag().over(starts_of_product)
    starts = moves.started == 1
    is_renewal = starts & (moves[DAY] - last_end <= RENEWED_WITHIN_DAYS)
    is_level_change = starts & (moves[C.LEVEL] != level_before)
    return moves.mutate(
        is_renewal=ibis.ifelse(is_renewal, 1, 0).cast("int64"),
        is_level_change=ibis.ifelse(is_level_change, 1, 0).cast("int64"),
    )


def _contracts(seen: ir.Table) -> ir.Table:
    """One row per contract and cutoff: days since its start, notice and end, where known."""
    age = {
        name: ibis.ifelse(seen[name] == 1, seen[AGE_DAYS], None)
        for name in ("started", "cancelled", "ended")
    }
    return seen.group_by(*KEYS, C.CONTRACT_ID).aggregate(
        product_id=seen[C.PRODUCT_ID].max(),
        level=seen[C.LEVEL].max(),
        ends_on=seen.ends_on.min(),
        started_days=age["started"].min(),
        notice_days=age["cancelled"].min(),
        ended_days=age["ended"].min(),
        is_renewal=seen.is_renewal.sum(),
        is_level_change=seen.is_level_change.sum(),
    )


FAMILY = Family(
    name="relationship",
    meaning="contracts and products that a customer holds, and notices given",
    reads=("contract_moves",),
    columns=COLUMNS,
    compute=compute,
)
