"""Basket: how large, how broad, how new and how repetitive a customer's orders are.

A *bought line* is a product in an order, counted once for each day on which it was added; it is
*new* when the shop knew of no earlier line of that product from the customer. Lines of orders
that were returned or cancelled later count as bought.

Product dependency is the normalised Herfindahl index of spend over categories,
``(sum s^2 - 1/K) / (1 - 1/K)``, with K the categories that the customer bought from. Repeat and
new ("explore") shares are the two parts of a basket that Li et al. 2023 tell apart.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.family import (
    FIRST_SEEN,
    KEYS,
    Column,
    Family,
    carried_forward,
    first_seen,
    history,
    left_join,
    net_positive_orders,
    within,
)
from features.rollup import Rollups
from features.vocabulary import Columns as C

WINDOWS_DAYS = (90, 365)
_NO_ORDER = "no net-positive order"
_NOTHING = "bought nothing"

SIZES = (
    Column("lines_per_order", "mean lines of an order", "lines", _NO_ORDER),
    Column("units_per_order", "mean units of an order", "units", _NO_ORDER),
    Column("unit_price_mean", "order revenue over units", "money per unit", _NO_ORDER),
    Column("discount_share", "discounts over revenue before discount", "share", _NO_ORDER),
)
PRODUCTS = (Column("products_bought", "distinct products ever bought", "products", _NOTHING),)
HABITS = (
    Column("categories_per_order", "mean distinct categories of an order", "categories", _NOTHING),
    Column("repeat_product_share", "share of bought lines whose product was bought in an "
           "earlier order too", "share", _NOTHING),
    *(Column(f"new_product_share_{days}d", f"share of the lines bought in the last {days} days "
             "whose product the customer had never bought before", "share",
             f"bought nothing in {days} days") for days in WINDOWS_DAYS),
    Column("top_product_share", "share of bought lines that are of the customer's most bought "
           "product", "share", _NOTHING),
)  # fmt: skip
SPREAD = (
    Column("categories_bought", "distinct categories ever bought", "categories", _NOTHING),
    Column("category_entropy", "entropy of spend over categories", "nats", _NOTHING),
    Column("top_category_share", "share of spend in the favourite category", "share", _NOTHING),
    Column("product_dependency", "normalised Herfindahl index of spend over categories",
           "0 spread to 1 single", "bought from fewer than two categories"),
)  # fmt: skip


def sizes(rollups: Rollups, cutoffs: ir.Table) -> ir.Table:
    """Average over net-positive orders."""
    placed = net_positive_orders(rollups, cutoffs)
    return placed.group_by(*KEYS).aggregate(
        lines_per_order=placed.lines.mean(),
        units_per_order=placed.units.mean(),
        unit_price_mean=placed.revenue.sum() / placed.units.sum().nullif(0),
        discount_share=placed.discount.sum()
        / (placed.revenue.sum() + placed.discount.sum()).nullif(0),
    )


def products(rollups: Rollups, cutoffs: ir.Table) -> ir.Table:
    """Count distinct products ever bought."""
    firsts = first_seen(rollups["customer_day_firsts"], cutoffs)
    grown = firsts.group_by(C.CUSTOMER_ID, FIRST_SEEN).aggregate(products=firsts.products.sum())
    until_then = ibis.cumulative_window(group_by=grown[C.CUSTOMER_ID], order_by=grown[FIRST_SEEN])
    counts = grown.select(
        C.CUSTOMER_ID, FIRST_SEEN, products_bought=grown.products.sum().over(until_then)
    )
    return carried_forward(counts, cutoffs).select(*KEYS, "products_bought")


def habits(rollups: Rollups, cutoffs: ir.Table) -> ir.Table:
    """Relate bought lines to those that were the customer's first of their product."""
    firsts = history(rollups["customer_day_firsts"], cutoffs)
    new = firsts.group_by(*KEYS).aggregate(
        products=firsts.products.sum(),
        **{f"products_{d}d": (firsts.products * within(firsts, d)).sum() for d in WINDOWS_DAYS},
    )
    bought = history(rollups["customer_day_repeats"], cutoffs)
    lines = bought.group_by(*KEYS).aggregate(
        lines=bought.lines.sum(),
        categories_per_order=bought.order_categories.sum() / bought.orders.sum(),
        top_product_share=bought.nth_of_product.max() / bought.lines.sum(),
        **{f"lines_{d}d": (bought.lines * within(bought, d)).sum() for d in WINDOWS_DAYS},
    )
    both = new.join(lines, list(KEYS))
    shares = both.mutate(
        repeat_product_share=1.0 - both.products / both.lines,
        **{
            f"new_product_share_{d}d": both[f"products_{d}d"] / both[f"lines_{d}d"].nullif(0)
            for d in WINDOWS_DAYS
        },
    )
    return shares.select(*KEYS, *(column.name for column in HABITS))


def spread(rollups: Rollups, cutoffs: ir.Table) -> ir.Table:
    """Describe how spend is spread over categories."""
    bought = first_seen(rollups["customer_product_day"], cutoffs)
    sums = carried_forward(_growth(bought), cutoffs)
    total, even = sums.total.nullif(0), 1.0 / sums.categories
    # With shares s = x / total: -sum s ln s = ln total - (sum x ln x) / total.
    return sums.select(
        *KEYS,
        categories_bought=sums.categories,
        category_entropy=total.ln() - sums.logarithms / total,
        top_category_share=sums.top / total,
        product_dependency=(sums.squares / (total * total) - even) / (1.0 - even).nullif(0),
    )


def _growth(bought: ir.Table) -> ir.Table:
    """Sum spend over categories, with its squares and logarithms, as known at each cutoff.

    Each sum is the running total of its increments, one for every category in which a customer
    spent between two cutoffs. That takes far fewer rows than all categories at every cutoff.

    Returns
    -------
    One row per customer and ``first_seen``, for :func:`features.family.carried_forward`.
    """
    grown = bought.group_by(C.CUSTOMER_ID, C.CATEGORY, FIRST_SEEN).aggregate(
        spend=ibis.greatest(bought.revenue, 0.0).sum()
    )
    so_far = ibis.cumulative_window(
        group_by=[grown[C.CUSTOMER_ID], grown[C.CATEGORY]], order_by=grown[FIRST_SEEN]
    )
    grown = grown.mutate(after=grown.spend.sum().over(so_far), nth=grown.spend.count().over(so_far))
    before, after = grown.after - grown.spend, grown.after
    growth = grown.group_by(C.CUSTOMER_ID, FIRST_SEEN).aggregate(
        categories=(grown.nth == 1).cast("float64").sum(),
        total=grown.spend.sum(),
        top=after.max(),
        squares=(after * after - before * before).sum(),
        logarithms=(_x_ln_x(after) - _x_ln_x(before)).sum(),
    )
    until_then = ibis.cumulative_window(group_by=growth[C.CUSTOMER_ID], order_by=growth[FIRST_SEEN])
    sums = {name: growth[name].sum() for name in ("categories", "total", "squares", "logarithms")}
    sums["top"] = growth.top.max()
    return growth.select(
        C.CUSTOMER_ID, FIRST_SEEN, **{name: each.over(until_then) for name, each in sums.items()}
    )


def _x_ln_x(x: ir.FloatingValue) -> ir.FloatingValue:
    """Return x ln x, and 0 for 0 or a rounding error below it."""
    return ibis.ifelse(x > 0, x * x.nullif(0).abs().ln(), 0.0)


PARTS = (
    Family("basket_products", "the products bought", ("customer_day_firsts",), PRODUCTS, products),
    Family("basket_sizes", "the size of orders", ("order_states",), SIZES, sizes),
    Family("basket_habits", "what is new and what is habit",
           ("customer_day_firsts", "customer_day_repeats"), HABITS, habits),
    Family("basket_spread", "how spend is spread over categories",
           ("customer_product_day",), SPREAD, spread),
)  # fmt: skip
COLUMNS = (*PRODUCTS, *SIZES, *HABITS, *SPREAD)


def compute(rollups: Rollups, cutoffs: ir.Table) -> ir.Table:
    """Join the parts, for everyone who ever bought a product."""
    joined, *others = (part.compute(rollups, cutoffs) for part in PARTS)
    for part in others:
        joined = left_join(joined, part)
    return joined.select(*KEYS, *(column.name for column in COLUMNS))


FAMILY = Family(
    name="basket",
    meaning="the size, breadth and repetition of what a customer buys",
    reads=tuple(dict.fromkeys(name for part in PARTS for name in part.reads)),
    columns=COLUMNS,
    compute=compute,
    parts=PARTS,
)
