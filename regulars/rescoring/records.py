"""Turn events sent to the server into the records that the shop's tables would hold of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

import pandas as pd

from features.vocabulary import Columns as C

_TABLE_BY_EVENT: Final = {
    "purchase": "orders",
    "return": "orders",
    "view": "events",
    "search": "events",
    "cart_add": "events",
    "survey": "surveys",
}
_QUANTITY_SIGN: Final = {"purchase": 1.0, "return": -1.0}
# The store and the shop's tables share these names.
_COLUMNS: Final = {
    "orders": (C.CUSTOMER_ID, C.PRODUCT_ID, C.TS),
    "events": (C.CUSTOMER_ID, C.TS, C.EVENT_TYPE, C.EVENT_ID, C.PRODUCT_ID, C.SESSION_ID, C.QUERY),
    "surveys": (C.CUSTOMER_ID, C.TS, C.SURVEY, C.SCORE, C.ORDER_ID),
}


def order_of(event: Mapping[str, Any]) -> str:
    """Return the id of a purchase's order: a purchase that names none is an order of its own."""
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
        Those that the shop has; events of other tables are left out.
    prices
        Unit price by product, for events that do not give one. Where there is none either, the
        event is left out: the value of the order is unknown.
    """
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for event in events:
        table = _TABLE_BY_EVENT[event[C.EVENT_TYPE]]
        if table not in tables:
            continue
        row = {name: event[name] for name in _COLUMNS[table]}
        if table == "orders":
            price = event[C.UNIT_PRICE]
            row[C.UNIT_PRICE] = prices.get(event[C.PRODUCT_ID]) if price is None else price
            row[C.QUANTITY] = (event[C.QUANTITY] or 1.0) * _QUANTITY_SIGN[event[C.EVENT_TYPE]]
            row[C.ORDER_ID] = order_of(event)
            if row[C.UNIT_PRICE] is None:
                continue
        rows[table].append(row)
    return {table: _frame(found) for table, found in rows.items()}


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows)
    texts = [name for name in frame if name not in (C.TS, C.QUANTITY, C.UNIT_PRICE, C.SCORE)]
    # A column that is None throughout has no type of its own.
    return frame.astype(dict.fromkeys(texts, "str")).assign(
        **{C.TS: frame[C.TS].astype("datetime64[us]")}
    )
