"""The outcome of each shown item: what shoppers did, and what it earned."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import numpy as np
import pandas as pd

from features.vocabulary import Columns as C
from models.bundle.schema import BundleColumns as B
from serving.decisions.learning.attribution import EVENT, ITEM, attribute
from serving.decisions.learning.outcome_columns import OutcomeColumns as O

BOUGHT: Final = ("purchase", "return")


def join_outcomes(
    shown: pd.DataFrame,
    events: pd.DataFrame,
    products: pd.DataFrame,
    attribution_days: int,
    now: datetime,
) -> pd.DataFrame:
    """Return the shown items with their outcomes, by :mod:`.attribution`.

    Parameters
    ----------
    shown
        One row per item of an answer, from :func:`.log_reader.read_shown`.
    events
        Clicks, accepts, rejects, purchases and returns, each once, from
        :func:`serving.decisions.learning.log_reader.read_events`.
    products
        ``product_id, category, price, margin`` of the catalogue; money per unit.
    now
        UTC without a time zone.

    Returns
    -------
    The rows of ``shown``, in their order, with ``clicked_at``, ``accepted_at`` (of an accept or a
    purchase) and ``rejected_at``, NaT where nothing came; ``accepted``, 0 or 1; ``earned``, the
    margin of the purchases less returns (of an acceptance without a purchase: the margin that the
    answer named) less the contact's cost; and ``is_over``: the window is, so nothing can change.
    """
    items = shown.reset_index(drop=True)
    priced = with_margins(events.reset_index(drop=True), products)
    window = pd.Timedelta(days=attribution_days)
    matched = attribute(items, priced, window)
    found = priced.loc[matched[EVENT]].assign(**{ITEM: matched[ITEM].to_numpy()})

    def first(*kinds: str) -> pd.Series[pd.Timestamp]:
        of_kinds = found[found[C.EVENT_TYPE].isin(kinds)]
        return of_kinds.groupby(ITEM)[C.TS].min().reindex(items.index)

    accepted_at = first("accept", "purchase")
    named = items[O.NAMED_MARGIN].fillna(0.0).where(accepted_at.notna(), 0.0)
    bought = found[found[C.EVENT_TYPE].isin(BOUGHT)]
    of_purchases = bought.groupby(ITEM)[B.MARGIN].sum().reindex(items.index)
    outcomes: dict[str, pd.Series[Any]] = {
        O.CLICKED_AT: first("click"),
        C.ACCEPTED_AT: accepted_at,
        O.REJECTED_AT: first("reject"),
        O.ACCEPTED: accepted_at.notna().astype(np.int8),
        O.EARNED: of_purchases.fillna(named) - items[C.CONTACT_COST],
        O.IS_OVER: items[C.TS] + window <= now,
    }
    return items.assign(**outcomes)


def with_margins(events: pd.DataFrame, products: pd.DataFrame) -> pd.DataFrame:
    """Return the events with the ``category`` of their product and the ``margin`` they brought.

    ``margin`` is money for the whole quantity, negative for a return: by the price paid where the
    event names it, else by the catalogue's; 0 where the product's cost is unknown.
    """
    joined = events.merge(products, on=C.PRODUCT_ID, how="left", validate="many_to_one")
    unit_cost = joined[B.PRICE] - joined[B.MARGIN]
    per_unit = (joined[C.UNIT_PRICE] - unit_cost).fillna(joined[B.MARGIN]).fillna(0.0)
    kind = joined[C.EVENT_TYPE]
    signed = (kind == "purchase").astype(np.float64) - (kind == "return").astype(np.float64)
    margin = signed * joined[C.QUANTITY].fillna(1.0) * per_unit
    return joined.assign(**{B.MARGIN: margin})
