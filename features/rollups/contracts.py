"""Contracts: started, given notice of, ended, each a fact of its own day.

A table of contracts holds today's word on each: a notice given in May stands in the same row
as the start years before, and it may have moved, or set for the first time, the day on which
the contract ends. That a contract is to end on a day is therefore taken as known

- from the day that notice was given, where it was;
- else only once that day is over, even where it was agreed at the start: to show it earlier
  for some contracts and not for those whose notice is yet to come would tell them apart.

A notice without a last day ends the contract at once. A start is known on its day. A notice
that was withdrawn leaves no trace in such a table, nor does a level changed in place: a change
of level is a contract of its own.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.rollup import Rollup, Tables, epoch_day
from features.settings import ShopSettings
from features.vocabulary import Columns as C

MOVES = ("started", "cancelled", "ended")


def contract_moves(tables: Tables, shop: ShopSettings) -> ir.Table:
    """One row per contract started, one more for the notice given, one more for the end.

    The row of the end bears the contract's last day. ``ends_on``, the last day to come, is on
    the row of the notice alone.
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
        # Of what was cancelled before it began nothing is known until it should have begun.
        known_from=ibis.greatest(starts_on, day),
        **{name: ibis.literal(int(name == move), "int64") for name in MOVES},
    )


ROLLUPS = (
    Rollup(
        "contract_moves",
        "contracts of each customer: started, given notice of, ended",
        reads=("contracts",),
        build=contract_moves,
    ),
)
