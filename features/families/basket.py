"""Basket: how large, how broad, how new and how repetitive a customer's orders are.

A *bought line* is a product in an order, counted once for each day on which it was added; it is
*new* when it is the customer's first of that product that the shop knew of. Lines of orders that
were undone later had been bought too.

Product dependency is the shrunk Herfindahl index of spend over categories,
``(sum s^2 - 1/K) / (1 - 1/K)``, with K the categories that the customer bought from. Repeat and
new ("explore") shares are the two parts of a basket that Li et al. 2023 tell apart.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.family import KEYS, Column, Family, history, standing_orders, within
from features.rollup import Rollups
from features.vocabulary import Columns as C

WINDOWS_DAYS = (90, 365)
_NO_ORDER = "no net-positive order"
_NOTHING = "bought nothing"

COLUMNS = (
    Column("lines_per_order", "mean lines of an order", "lines", _NO_ORDER),
    Column("units_per_order", "mean units of an order", "units", _NO_ORDER),
    Column("unit_price_mean", "order revenue over units", "money per unit", _NO_ORDER),
    Column("discount_share", "discounts over revenue before discount", "share", _NO_ORDER),
    Column("products_bought", "distinct products ever bought", "products", _NOTHING),
    Column("categories_bought", "distinct categories ever bought", "categories", _NOTHING),
    Column("categories_per_order", "mean distinct categories of an order", "categories", _NOTHING),
    Column("repeat_product_share", "share of bought lines whose product was bought in an "
           "earlier order too", "share", _NOTHING),
    *(Column(f"new_product_share_{days}d", f"share of the lines bought in the last {days} days "
             "whose product the customer had never bought before", "share",
             f"bought nothing in {days} days") for days in WINDOWS_DAYS),
    Column("top_product_share", "share of bought lines that are of the customer's most bought "
           "product", "share", _NOTHING),
    Column("category_entropy", "entropy of spend over categories", "nats", _NOTHING),
    Column("top_category_share", "share of spend in the favourite category", "share", _NOTHING),
    Column("product_dependency", "shrunk Herfindahl index of spend over categories",
           "0 spread to 1 single", "bought from fewer than two categories"),
)  # fmt: skip


def compute(rollups: Rollups, cutoffs: ir.Table) -> ir.Table:
    """Average over standing orders; breadth and habit over everything ever bought."""
    placed = standing_orders(rollups, cutoffs)
    orders = placed.group_by(*KEYS).aggregate(
        lines_per_order=placed.lines.mean(),
        units_per_order=placed.units.mean(),
        unit_price_mean=placed.revenue.sum() / placed.units.sum().nullif(0),
        discount_share=placed.discount.sum()
        / (placed.revenue.sum() + placed.discount.sum()).nullif(0),
    )
    joined = _breadth(history(rollups["customer_day_firsts"], cutoffs))
    spread = _concentration(history(rollups["customer_category_day"], cutoffs))
    for part in (orders, spread):
        joined = joined.left_join(part, list(KEYS)).drop(*(f"{key}_right" for key in KEYS))
    return joined.select(*KEYS, *(column.name for column in COLUMNS))


def _breadth(bought: ir.Table) -> ir.Table:
    """Count products and categories, and lines beyond each product's first."""
    counts = bought.group_by(*KEYS).aggregate(
        lines=bought.lines.sum(),
        products_bought=bought.products.sum(),
        categories_bought=bought.categories.sum(),
        categories_per_order=bought.order_categories.sum() / bought.orders.sum(),
        nth_of_product=bought.nth_of_product.max(),
        **{f"lines_{d}d": (bought.lines * within(bought, d)).sum() for d in WINDOWS_DAYS},
        **{f"products_{d}d": (bought.products * within(bought, d)).sum() for d in WINDOWS_DAYS},
    )
    return counts.mutate(
        repeat_product_share=1.0 - counts.products_bought / counts.lines,
        top_product_share=counts.nth_of_product / counts.lines,
        **{
            f"new_product_share_{d}d": counts[f"products_{d}d"] / counts[f"lines_{d}d"].nullif(0)
            for d in WINDOWS_DAYS
        },
    )


def _concentration(bought: ir.Table) -> ir.Table:
    """Describe how spend is spread over categories."""
    spend = bought.group_by(*KEYS, C.CATEGORY).aggregate(
        spend=ibis.greatest(bought.revenue.sum(), 0.0)
    )
    sums = spend.group_by(*KEYS).aggregate(
        categories=spend.count().cast("float64"),
        total=spend.spend.sum(),
        top=spend.spend.max(),
        squares=(spend.spend * spend.spend).sum(),
        logarithms=(spend.spend * spend.spend.nullif(0).ln()).sum(),
    )
    total, even = sums.total.nullif(0), 1.0 / sums.categories
    # With shares s = x / total: -sum s ln s = ln total - (sum x ln x) / total.
    return sums.select(
        *KEYS,
        category_entropy=total.ln() - sums.logarithms / total,
        top_category_share=sums.top / total,
        product_dependency=(sums.squares / (total * total) - even) / (1.0 - even).nullif(0),
    )


FAMILY = Family(
    name="basket",
    meaning="the size, breadth and habit of what a customer buys",
    reads=("order_states", "customer_day_firsts", "customer_category_day"),
    columns=COLUMNS,
    compute=compute,
)
