"""Order lines with their day, revenue, margin and category: where most roll-ups start."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.rollup import Rollup, Tables, dated
from features.settings import ShopSettings
from features.vocabulary import Columns as C

# What lines take from the catalogue: a change in it for a product sold means a rebuild.
LOOKED_UP = (C.PRODUCT_ID, C.CATEGORY, C.UNIT_COST)


def order_lines(tables: Tables, shop: ShopSettings) -> ir.Table:
    """One row per order line, with its revenue and margin.

    Margin is revenue minus cost of goods; where the cost is unknown, revenue times the shop's
    stated margin rate, and ``margin_assumed`` is 1. An adjustment has no product: it moves money
    and no units. ``adjustment`` is its revenue, and 0 for goods.
    """
    orders, products = dated(tables["orders"]), tables["products"]
    catalogue = products.select(C.PRODUCT_ID, C.CATEGORY, product_cost=products[C.UNIT_COST])
    lines = orders.left_join(catalogue, C.PRODUCT_ID).drop(f"{C.PRODUCT_ID}_right")
    discount = lines[C.DISCOUNT].fill_null(0.0).abs() * lines[C.QUANTITY].sign()
    revenue = lines[C.QUANTITY] * lines[C.UNIT_PRICE] - discount
    unit_cost = lines[C.UNIT_COST].fill_null(lines["product_cost"])
    margin = (revenue - lines[C.QUANTITY] * unit_cost).fill_null(revenue * shop.margin_rate)
    is_product = lines[C.PRODUCT_ID].notnull()
    return lines.select(
        C.CUSTOMER_ID,
        C.ORDER_ID,
        C.PRODUCT_ID,
        C.CHANNEL,
        category=lines[C.CATEGORY].fill_null("unknown"),
        day=lines.day,
        known_from=lines.known_from,
        units=ibis.ifelse(is_product, lines[C.QUANTITY], 0.0),
        revenue=revenue,
        adjustment=ibis.ifelse(is_product, 0.0, revenue),
        discount=discount,
        margin=margin,
        margin_assumed=unit_cost.isnull().cast("int8"),
        hour=lines[C.TS].hour().cast("int32"),
    )


ROLLUPS = (
    Rollup(
        "lines",
        "order lines with day, money and category",
        reads=("orders", "products"),
        build=order_lines,
        stored=False,
    ),
)
