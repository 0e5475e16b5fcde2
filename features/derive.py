"""The products and customers tables of a shop that has none, derived from its orders."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.vocabulary import TABLES
from features.vocabulary import Columns as C


def products_from_orders(orders: ir.Table, known: ir.Table | None = None) -> ir.Table:
    """Name and price each product as in its latest sale: the catalogue as it is today.

    Parameters
    ----------
    known
        The table derived from earlier orders, to be extended by ``orders``; the result is the same
        as from all orders at once.
    """
    is_sale = (orders[C.QUANTITY] > 0) & (orders[C.UNIT_PRICE] > 0)
    sold = orders.filter(orders[C.PRODUCT_ID].notnull() & is_sale)
    sales = sold.select(
        C.PRODUCT_ID, C.TS, C.PRODUCT_NAME, C.UNIT_COST, list_price=sold[C.UNIT_PRICE]
    )
    if known is not None:
        sales = sales.union(known.select(*sales.columns))
    latest = sales.group_by(C.PRODUCT_ID).aggregate(ts=sales[C.TS].max())
    recent = sales.semi_join(latest, [C.PRODUCT_ID, C.TS])
    order = [recent[name].desc() for name in (C.LIST_PRICE, C.PRODUCT_NAME, C.UNIT_COST)]
    last = _first_row(recent, C.PRODUCT_ID, order)
    return last.select(*sales.columns, **_absent("products", set(sales.columns)))


def customers_from_orders(orders: ir.Table, known: ir.Table | None = None) -> ir.Table:
    """Describe each customer by the first order known: a later one would reveal the future.

    Parameters
    ----------
    known
        The table derived from earlier orders, to be extended by ``orders``; the result is the same
        as from all orders at once.
    """
    since = ibis.greatest(orders[C.TS], orders[C.AVAILABLE_AT].fill_null(orders[C.TS]))
    met = new = orders.select(C.CUSTOMER_ID, C.COUNTRY, signed_up_at=since)
    if known is not None:
        met = new.union(known.semi_join(new, C.CUSTOMER_ID).select(*new.columns))
    earliest = met.group_by(C.CUSTOMER_ID).aggregate(signed_up_at=met[C.SIGNED_UP_AT].min())
    early = met.semi_join(earliest, [C.CUSTOMER_ID, C.SIGNED_UP_AT])
    first = _first_row(early, C.CUSTOMER_ID, [early[C.COUNTRY]])
    described = first.select(*met.columns, **_absent("customers", set(met.columns)))
    if known is None:
        return described
    # Customers without a new order stay as they were.
    return described.union(known.anti_join(new, C.CUSTOMER_ID).select(*described.columns))


def _first_row(table: ir.Table, key: str, order_by: list[ir.Value]) -> ir.Table:
    """Keep the row of each key that comes first in ``order_by``."""
    ranked = table.mutate(
        nth=ibis.row_number().over(ibis.window(group_by=table[key], order_by=order_by))
    )
    return ranked.filter(ranked.nth == 0).drop("nth")


def _absent(table: str, present: set[str]) -> dict[str, ir.Value]:
    """Return a table's columns that are not present, as missing values."""
    return {
        column.name: ibis.null().cast(column.type)
        for column in TABLES[table].columns
        if column.name not in present
    }
