"""Offer responses: who accepted an offer, and who ordered, contacted or held out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from features.engine import Engine
from features.family import AS_OF_DAY, KEYS, left_join
from features.labels.churn_value import orders_in_horizon
from features.labels.window import as_dates, frame_by_share, in_horizon, require
from features.rollup import DAY, Rollups
from features.vectors import register_cutoffs
from features.vocabulary import Columns as C

_CONTACT = (C.CAMPAIGN_ID, C.CONTACT_ID, C.OFFER_ID, C.CHANNEL, C.TREATED)


def offer_responses(
    engine: Engine,
    rollups: Rollups,
    cutoffs: Sequence[date],
    horizon_days: int,
    *,
    response_days: int,
) -> pd.DataFrame:
    """Return the outcome of every contact in the horizon, made or held out, judged at its end.

    Held-out customers cannot accept, but they can order: uplift is learned from the difference in
    orders. Everyone in a campaign has a row, customers who never ordered included.

    Parameters
    ----------
    response_days
        Orders count from the day of the contact, for this many days.

    Returns
    -------
    Frame sorted by customer_id, as_of, ``day`` (of the contact, a date), campaign_id and
    contact_id, one row for each contact, with its ``offer_id``, ``channel`` and ``treated``;
    ``accepted`` (1 when accepted before the horizon's end) and ``ordered`` (1.0 when a net-positive
    order was placed in the response days). ``ordered`` is missing when these were not over by the
    horizon's end, even if an order had come: else late contacts would only count when they worked.

    Raises
    ------
    TrainingError
        The shop has no contacts.
    """
    require(rollups, "campaign_contacts", "contacts", "responses to offers")
    cutoff_table = register_cutoffs(engine, cutoffs)

    def compute(share: Rollups) -> ir.Table:
        sent = in_horizon(_contacts(share), cutoff_table, horizon_days)
        end = sent[AS_OF_DAY] + horizon_days
        accepted = (sent.accepted_day < end).fill_null(ibis.literal(value=False))
        judged = sent.select(
            *KEYS,
            DAY,
            *_CONTACT,
            accepted=accepted.cast("int8"),
            is_over=sent[DAY] + response_days <= end,
        )
        orders = orders_in_horizon(share, cutoff_table, horizon_days)
        joined = left_join(judged, _days_with_response(sent, orders, response_days), (*KEYS, DAY))
        ordered = ibis.ifelse(joined.is_over, joined.responded.fill_null(0.0), None)
        return joined.mutate(ordered=ordered).drop("is_over", "responded")

    keys = (*KEYS, DAY, *_CONTACT)
    frame = frame_by_share(engine, rollups, compute, keys)
    return frame.assign(
        day=as_dates(frame[DAY]),
        treated=frame[C.TREATED].astype(bool),
        accepted=frame["accepted"].astype(np.int8),
        ordered=frame["ordered"].astype("float64"),
    )


def _contacts(rollups: Rollups) -> ir.Table:
    """Return each contact once, though its record may have been delivered again when accepted."""
    records = rollups["campaign_contacts"]
    return records.group_by(C.CUSTOMER_ID, *_CONTACT).aggregate(
        day=records[DAY].min(), accepted_day=records.accepted_day.min()
    )


def _days_with_response(sent: ir.Table, orders: ir.Table, response_days: int) -> ir.Table:
    """Return the days on which a customer was contacted and then ordered in time."""
    order_days = orders.select(*KEYS, order_day=orders[DAY]).distinct()
    pairs = sent.select(*KEYS, DAY).distinct().join(order_days, list(KEYS))
    waited = pairs.order_day - pairs[DAY]
    followed = pairs.filter((waited >= 0) & (waited < response_days))
    return followed.select(*KEYS, DAY).distinct().mutate(responded=1.0)
