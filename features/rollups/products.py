"""Products: what each customer bought, by day."""

from __future__ import annotations

import ibis.expr.types as ir

from features.rollup import DAY, KNOWN_FROM, Rollup, Tables
from features.settings import ShopSettings
from features.vocabulary import Columns as C


def customer_product_day(tables: Tables, shop: ShopSettings) -> ir.Table:  # noqa: ARG001
    """One row per customer, product, order and day on which it was bought."""
    lines = tables["lines"]
    bought = lines.filter(lines.units > 0)
    return bought.group_by(
        C.CUSTOMER_ID, C.PRODUCT_ID, C.CATEGORY, C.ORDER_ID, DAY, KNOWN_FROM
    ).aggregate(units=bought.units.sum(), revenue=bought.revenue.sum())


ROLLUPS = (
    Rollup(
        "customer_product_day",
        "products that each customer bought by order and day",
        reads=("lines",),
        build=customer_product_day,
    ),
)
