"""Next products: what each customer buys within the horizon, and which of it is new to them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from features.engine import Engine
from features.family import AS_OF_DAY, KEYS, history, left_join
from features.labels.churn_value import orders_in_horizon
from features.labels.window import as_dates, frame_by_share, in_horizon, population
from features.rollup import DAY, IS_NET_POSITIVE, KNOWN_FROM, KNOWN_UNTIL, Rollups
from features.vectors import register_cutoffs
from features.vocabulary import Columns as C


def next_products(
    engine: Engine,
    rollups: Rollups,
    cutoffs: Sequence[date],
    horizon_days: int,
    *,
    lookback_days: int,
) -> pd.DataFrame:
    """Return which products the population of :func:`features.labels.build_labels` buys next.

    Only lines of the orders that decide on churn count: a customer who churned has no row.

    Returns
    -------
    Frame sorted by customer_id, as_of and product_id: one row for each product bought, with
    ``first_day`` (a date), ``units`` (those returned later included) and ``is_new``: 1 when no
    earlier purchase of it by the customer was known at ``as_of``.
    """
    cutoff_table = register_cutoffs(engine, cutoffs)
    keys = (*KEYS, C.PRODUCT_ID)

    def compute(share: Rollups) -> ir.Table:
        bought = purchases_in_horizon(share, cutoff_table, horizon_days)
        judged = bought.semi_join(population(share, cutoff_table, lookback_days), list(KEYS))
        totals = judged.group_by(*keys).aggregate(
            first_day=judged[DAY].min(), units=judged.units.sum()
        )
        joined = left_join(totals, _known_before(share, totals), keys)
        return joined.mutate(is_new=joined.was_known.isnull().cast("int8")).drop("was_known")

    frame = frame_by_share(engine, rollups, compute, keys)
    return frame.assign(
        first_day=as_dates(frame["first_day"]),
        units=frame["units"].astype("float64"),
        is_new=frame["is_new"].astype(np.int8),
    )


def purchases_in_horizon(rollups: Rollups, cutoffs: ir.Table, horizon_days: int) -> ir.Table:
    """Return the lines of the net-positive orders placed in each cutoff's horizon.

    The rows of ``customer_product_day``, with ``as_of_day`` and ``days_ahead`` (from 0). An order
    wholly returned by the end of the horizon does not count; one returned in part keeps all lines.
    """
    bought = in_horizon(rollups["customer_product_day"], cutoffs, horizon_days)
    orders = orders_in_horizon(rollups, cutoffs, horizon_days)
    return bought.semi_join(orders, [*KEYS, C.ORDER_ID])


def known_purchases(rollups: Rollups, cutoffs: ir.Table) -> ir.Table:
    """Return the lines of the orders that were known and net-positive at each cutoff.

    The rows of ``customer_product_day``, with ``as_of_day`` and ``age_days`` (1 or more).
    """
    seen = history(_purchase_states(rollups), cutoffs)
    return seen.filter(_not_yet_changed(seen)).drop(KNOWN_UNTIL)


def _purchase_states(rollups: Rollups) -> ir.Table:
    """Return each line bought, once for each net-positive state of its order."""
    bought, orders = rollups["customer_product_day"], rollups["order_states"]
    net_positive = orders.filter(orders[IS_NET_POSITIVE]).select(
        C.CUSTOMER_ID, C.ORDER_ID, KNOWN_UNTIL, positive_from=orders[KNOWN_FROM]
    )
    states = bought.join(net_positive, [C.CUSTOMER_ID, C.ORDER_ID])
    both_known = ibis.greatest(states[KNOWN_FROM], states.positive_from)
    return states.mutate(both_known.name(KNOWN_FROM)).drop("positive_from")


def _not_yet_changed(states: ir.Table) -> ir.BooleanValue:
    return states[KNOWN_UNTIL].isnull() | (states[KNOWN_UNTIL] >= states[AS_OF_DAY])


def _known_before(rollups: Rollups, totals: ir.Table) -> ir.Table:
    """Return which of the products bought next the customer was known to have bought before.

    By the same rule as :func:`known_purchases`, but looking at those products only: pairing all
    past purchases with every cutoff costs ten times as much.
    """
    states = _purchase_states(rollups)
    customer_product = [C.CUSTOMER_ID, C.PRODUCT_ID]
    earliest = states.group_by(*customer_product, KNOWN_UNTIL).aggregate(
        states[KNOWN_FROM].min().name(KNOWN_FROM)
    )
    paired = totals.select(*KEYS, C.PRODUCT_ID).join(earliest, customer_product)
    seen = paired.filter((paired[KNOWN_FROM] < paired[AS_OF_DAY]) & _not_yet_changed(paired))
    return seen.select(*KEYS, C.PRODUCT_ID).distinct().mutate(was_known=1)
