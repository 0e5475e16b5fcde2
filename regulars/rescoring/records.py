"""From events as shops send them to the records that a shop's tables would hold of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

import pandas as pd

from features.vocabulary import Columns as C

_TABLE_OF: Final = {
    "purchase": "orders",
    "return": "orders",
    "view": "events",
    "search": "events",
    "cart_add": "events",
    "survey": "surveys",
}
_MOVES: Final = {"purchase": 1.0, "return": -1.0}
# Names are those of the store and of the shop's tables alike.
_KEPT: Final = {
    "orders": (C.CUSTOMER_ID, C.PRODUCT_ID, C.TS),
    "events": (C.CUSTOMER_ID, C.TS, C.EVENT_TYPE, C.EVENT_ID, C.PRODUCT_ID, C.SESSION_ID, C.QUERY),
    "surveys": (C.CUSTOMER_ID, C.TS, C.SURVEY, C.SCORE, C.ORDER_ID),
}


def order_of(event: Mapping[str, Any]) -> str:
    """Return the order that a purchase belongs to: a purchase that names none is one by itself."""
    return str(event[C.ORDER_ID] or event[C.EVENT_ID])


def fresh_records(
    events: Iterable[Mapping[str, Any]], tables: Collection[str], prices: Mapping[str, float]
) -> dict[str, pd.DataFrame]:
    """Return the records of events, by table.

    Parameters
    ----------
    events
        Rows of the store; times are naive UTC.
    tables
        Those that the shop has: what belongs to others is left out.
    prices
        What a unit costs, by product, where the event does not say it. Where nobody knows it, the
        event is left out: nothing can be said of the order's worth.
    """
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for event in events:
        table = _TABLE_OF[event[C.EVENT_TYPE]]
        if table not in tables:
            continue
        row = {name: event[name] for name in _KEPT[table]}
        if table == "orders":
            price = event[C.UNIT_PRICE]
            row[C.UNIT_PRICE] = prices.get(event[C.PRODUCT_ID]) if price is None else price
            row[C.QUANTITY] = (event[C.QUANTITY] or 1.0) * _MOVES[event[C.EVENT_TYPE]]
            row[C.ORDER_ID] = order_of(event)
            if row[C.UNIT_PRICE] is None:
                continue
        rows[table].append(row)
    return {table: _frame(found) for table, found in rows.items()}


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows)
    texts = [name for name in frame if name not in (C.TS, C.QUANTITY, C.UNIT_PRICE, C.SCORE)]
    # A column of nothing but None has no type of its own.
    return frame.astype(dict.fromkeys(texts, "str")).assign(
        **{C.TS: frame[C.TS].astype("datetime64[us]")}
    )
