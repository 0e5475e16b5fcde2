"""Attribution: the shown item that an event follows from.

- An event that carries an answer's id belongs to that answer: to the item it names, else to the
  first one. It counts as later than the answer whatever its time, as shops' clocks may run behind.
- Any other event goes to the last answer before it that showed its offer, its product or its
  product's category to the same customer, or in the same visit (last touch).

An event counts once, never for another customer, and only within the window after the answer,
which is half-open.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from features.vocabulary import Columns as C
from serving.decisions.learning.outcome_columns import OutcomeColumns as O

ITEM: Final = "item"
EVENT: Final = "event"

_FIT = "fit"
_BY_OFFER, _BY_PRODUCT, _BY_CATEGORY, _BY_ANSWER = range(4)  # the smaller the closer
_SHOWN = "shown_"
_OF_ITEM: Final = (
    O.DECISION_ID, O.RANK, C.TS, C.CUSTOMER_ID, C.SESSION_ID, C.OFFER_ID, C.PRODUCT_ID, C.CATEGORY,
)  # fmt: skip


def attribute(items: pd.DataFrame, events: pd.DataFrame, window: pd.Timedelta) -> pd.DataFrame:
    """Return the item of each event that has one.

    Parameters
    ----------
    items
        Shown items, with a distinct index.
    events
        With a distinct index, and the category of the product where it is known.

    Returns
    -------
    ``item`` and ``event``, index labels, each event at most once.
    """
    has_answer = events[O.DECISION_ID].notna()
    pairs = pd.concat(
        [
            _of_answers(items, events[has_answer], window),
            _last_touches(items, events[~has_answer], window),
        ],
        ignore_index=True,
    )
    order = [_SHOWN + C.TS, _SHOWN + O.DECISION_ID, _FIT, _SHOWN + O.RANK]
    best = pairs.sort_values(order, ascending=[False, True, True, True], kind="stable")
    return best.drop_duplicates(EVENT)[[ITEM, EVENT]]


def _of_answers(items: pd.DataFrame, events: pd.DataFrame, window: pd.Timedelta) -> pd.DataFrame:
    pairs = _pairs(items, events, O.DECISION_ID)
    pairs = pairs[pairs[C.TS] - pairs[_SHOWN + C.TS] < window]
    named = [_same(pairs, name) for name in (C.OFFER_ID, C.PRODUCT_ID, C.CATEGORY)]
    fit = np.select(named, [_BY_OFFER, _BY_PRODUCT, _BY_CATEGORY], default=_BY_ANSWER)
    return pairs.assign(**{_FIT: fit})


def _last_touches(items: pd.DataFrame, events: pd.DataFrame, window: pd.Timedelta) -> pd.DataFrame:
    # An offer on a product does not extend to the rest of that product's category.
    wide = items[items[C.PRODUCT_ID].isna()]
    found = [
        _pairs(among, events, who, what).assign(**{_FIT: fit})
        for who in (C.CUSTOMER_ID, C.SESSION_ID)
        for fit, what, among in (
            (_BY_OFFER, C.OFFER_ID, items),
            (_BY_PRODUCT, C.PRODUCT_ID, items),
            (_BY_CATEGORY, C.CATEGORY, wide),
        )
    ]
    pairs = pd.concat(found, ignore_index=True)
    since = pairs[C.TS] - pairs[_SHOWN + C.TS]
    return pairs[(since >= pd.Timedelta(0)) & (since < window)]


def _pairs(items: pd.DataFrame, events: pd.DataFrame, *on: str) -> pd.DataFrame:
    """Join events to items with equal, known values of ``on``, never across customers."""
    left = items.dropna(subset=list(on))[list(_OF_ITEM)].add_prefix(_SHOWN)
    right = events.dropna(subset=list(on))
    pairs = left.assign(**{ITEM: left.index}).merge(
        right.assign(**{EVENT: right.index}),
        left_on=[_SHOWN + name for name in on],
        right_on=list(on),
    )
    there, here = pairs[_SHOWN + C.CUSTOMER_ID], pairs[C.CUSTOMER_ID]
    return pairs[there.isna() | here.isna() | _same(pairs, C.CUSTOMER_ID)]


def _same(pairs: pd.DataFrame, name: str) -> pd.Series[bool]:
    return (pairs[_SHOWN + name] == pairs[name]).fillna(value=False)
