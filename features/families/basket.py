"""Basket: how large, how broad and how repetitive a customer's orders are.

Product dependency is the shrunk Herfindahl index of spend over categories,
``(sum s^2 - 1/K) / (1 - 1/K)``, with K the categories that the customer bought from.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.family import AS_OF_DAY, KEYS, Column, Family, history, standing_orders
from features.rollup import Rollups
from features.vocabulary import Columns as C

_NO_ORDER = "no net-positive order"
_NOTHING = "bought nothing"

COLUMNS = (
    Column("lines_per_order", "mean lines of an order", "lines", _NO_ORDER),
    Column("units_per_order", "mean units of an order", "units", _NO_ORDER),
    Column("unit_price_mean", "order revenue over units", "money per unit", _NO_ORDER),
    Column("discount_share", "discounts over revenue before discount", "share", _NO_ORDER),
    Column("products_bought", "distinct products ever bought", "products", _NOTHING),
    Column("categories_bought", "distinct categories ever bought", "categories", _NOTHING),
    Column("repeat_product_share", "share of bought lines whose product was bought in an "
           "earlier order too", "share", _NOTHING),
    Column("category_entropy", "entropy of spend over categories", "nats", _NOTHING),
    Column("top_category_share", "share of spend in the favourite category", "share", _NOTHING),
    Column("product_dependency", "shrunk Herfindahl index of spend over categories",
           "0 spread to 1 single", "bought from fewer than two categories"),
)  # fmt: skip


def compute(rollups: Rollups, cutoffs: ir.Table) -> ir.Table:
    """Average over standing orders; breadth over everything ever bought."""
    placed = standing_orders(rollups, cutoffs)
    orders = placed.group_by(*KEYS).aggregate(
        lines_per_order=placed.lines.mean(),
        units_per_order=placed.units.mean(),
        unit_price_mean=placed.revenue.sum() / placed.units.sum().nullif(0),
        discount_share=placed.discount.sum()
        / (placed.revenue.sum() + placed.discount.sum()).nullif(0),
    )
    bought = history(rollups["customer_product_day"], cutoffs)
    breadth = _breadth(bought)
    joined = breadth.left_join(orders, list(KEYS)).drop(*(f"{key}_right" for key in KEYS))
    joined = joined.left_join(_concentration(bought), list(KEYS))
    return joined.select(*KEYS, *(column.name for column in COLUMNS))


def _breadth(bought: ir.Table) -> ir.Table:
    """Count products and categories, and lines beyond each product's first."""
    products = bought.group_by(*KEYS, C.PRODUCT_ID, C.CATEGORY).aggregate(lines=bought.count())
    counts = products.group_by(*KEYS).aggregate(
        products_bought=products.count(),
        categories_bought=products[C.CATEGORY].nunique(),
        lines=products.lines.sum(),
    )
    return counts.mutate(repeat_product_share=1.0 - counts.products_bought / counts.lines)


def _concentration(bought: ir.Table) -> ir.Table:
    """Describe how spend is spread over categories."""
    spend = bought.group_by(*KEYS, C.CATEGORY).aggregate(
        spend=ibis.greatest(bought.revenue.sum(), 0.0)
    )
    total = spend.spend.sum().over(group_by=[spend[C.CUSTOMER_ID], spend[AS_OF_DAY]])
    shares = spend.mutate(share=spend.spend / total.nullif(0))
    facts = shares.group_by(*KEYS).aggregate(
        category_entropy=-(shares.share * shares.share.nullif(0).ln()).sum(),
        top_category_share=shares.share.max(),
        herfindahl=(shares.share * shares.share).sum(),
        even=1.0 / shares.count(),
    )
    return facts.mutate(
        product_dependency=(facts.herfindahl - facts.even) / (1.0 - facts.even).nullif(0)
    )


FAMILY = Family(
    name="basket",
    meaning="the size, breadth and habit of what a customer buys",
    reads=("order_states", "customer_product_day"),
    columns=COLUMNS,
    compute=compute,
)
