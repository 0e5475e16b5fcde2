"""Contracts: started, cancelled, ended, each a fact of its own day.

The contracts table holds today's state of each contract: a notice given in May is in the same row
as the start years before, and it may have changed the day on which the contract ends. So the end
of a contract counts as known

- from the day on which notice was given, where it was;
- else only once it is past, even where it was agreed at the start: the end shown in advance for
  some contracts, and missing for those whose notice is yet to come, would give the latter away.

A notice without a last day ends the contract at once. A start is known on its day. Withdrawn
notices and levels changed in place leave no trace in such a table: a change of level must be a
contract of its own.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.rollup import Rollup, Tables, epoch_day
from features.settings import ShopSettings
from features.vocabulary import Columns as C

MOVES = ("started", "cancelled", "ended")


def contract_moves(tables: Tables, shop: ShopSettings) -> ir.Table:
    """One row for the start of each contract, one for the notice given, one for the end.

    The end is dated on the contract's last day. ``ends_on``, the last day announced, is only in
    the row of the notice.
    """
    stated = tables["contracts"]
    contracts = stated.mutate(ends_at=stated[C.ENDS_AT].fill_null(stated[C.CANCELLED_AT]))
    cancelled = contracts.filter(contracts[C.CANCELLED_AT].notnull())
    ended = contracts.filter(contracts[C.ENDS_AT].notnull())
    started = _moves(contracts, C.STARTS_AT, "started")
    return started.union(_moves(cancelled, C.CANCELLED_AT, "cancelled")).union(
        _moves(ended, C.ENDS_AT, "ended")
    )


def _moves(contracts: ir.Table, moment: str, move: str) -> ir.Table:
    """Return one row per contract for what happened to it at ``moment``."""
    starts_on, day = epoch_day(contracts[C.STARTS_AT]), epoch_day(contracts[moment])
    ends_on = epoch_day(contracts[C.ENDS_AT])
    return contracts.select(
        C.CUSTOMER_ID,
        C.CONTRACT_ID,
        C.PRODUCT_ID,
        C.LEVEL,
        starts_on=starts_on,
        ends_on=ends_on if move == "cancelled" else ibis.null().cast("int32"),
        day=day,
        # A contract cancelled before its start is not known until the day of the start.
        known_from=ibis.greatest(starts_on, day),
        **{name: ibis.literal(int(name == move), "int64") for name in MOVES},
    )


ROLLUPS = (
    Rollup(
        "contract_moves",
        "contracts of each customer: started, cancelled, ended",
        reads=("contracts",),
        build=contract_moves,
    ),
)
