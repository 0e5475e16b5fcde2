"""Products: what each customer bought, by product and by category, and what prices were usual."""

from __future__ import annotations

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir

from features.rollup import DAY, HALF_A_CENT, KNOWN_FROM, Rollup, Tables
from features.settings import ShopSettings
from features.vocabulary import Columns as C

# More than any day since 1970 is: days below it and another number share one number.
_DAYS = 1_000_000


def customer_product_day(tables: Tables, shop: ShopSettings) -> ir.Table:  # noqa: ARG001
    """One row per customer, product, order and day on which it was bought."""
    lines = tables["lines"]
    bought = lines.filter(lines.units > 0)
    return bought.group_by(C.CUSTOMER_ID, C.PRODUCT_ID, C.ORDER_ID, DAY, KNOWN_FROM).aggregate(
        category=bought[C.CATEGORY].max(), units=bought.units.sum(), revenue=bought.revenue.sum()
    )


def customer_day_firsts(tables: Tables, shop: ShopSettings) -> ir.Table:  # noqa: ARG001
    """One row per customer and day: bought lines, and how many were the first of their kind.

    A *bought line* is a product in an order, once for each day on which it was added. It is the
    first of its product, category or order when the shop knew of no other: what was known first
    stays first, so distinct counts become sums. ``nth_of_product`` is the most lines of any one
    product that the customer had with these.
    """
    products = tables["customer_product_day"]
    identity = (C.CUSTOMER_ID, C.ORDER_ID, C.PRODUCT_ID, C.CATEGORY, DAY, KNOWN_FROM)
    # A refresh may have added to a line that stood.
    lines = products.select(*identity).distinct()

    alike = [lines[C.CUSTOMER_ID], lines[C.PRODUCT_ID]]
    as_known = ibis.window(group_by=alike, order_by=[lines[KNOWN_FROM], lines[DAY]])
    ranked = lines.mutate(nth=1 + ibis.row_number().over(as_known))
    counts = ranked.group_by(C.CUSTOMER_ID, DAY, KNOWN_FROM).aggregate(
        lines=ranked.count(),
        products=(ranked.nth == 1).cast("int64").sum(),
        nth_of_product=ranked.nth.max(),
    )
    kinds = {
        "categories": (C.CATEGORY,),
        "orders": (C.ORDER_ID,),
        "order_categories": (C.ORDER_ID, C.CATEGORY),
    }
    counts = counts.mutate(**dict.fromkeys(kinds, ibis.literal(0, "int64")))
    for name, kind in kinds.items():
        counts = counts.union(_firsts(lines, kind, name, counts.columns))
    return counts.group_by(C.CUSTOMER_ID, DAY, KNOWN_FROM).aggregate(
        **{name: counts[name].sum().cast("float64") for name in counts.columns[3:]}
    )


def _firsts(lines: ir.Table, kind: tuple[str, ...], name: str, columns: Sequence[str]) -> ir.Table:
    """Count the firsts of a kind on the day of the first, as known first; all else is 0."""
    # One number that orders by when it was known, then by when it was.
    moment = lines[KNOWN_FROM].cast("int64") * _DAYS + lines[DAY]
    first = lines.group_by(C.CUSTOMER_ID, *kind).aggregate(moment=moment.min())
    dated = first.group_by(C.CUSTOMER_ID, "moment").aggregate(n=first.count())
    counts = {each: dated.n if each == name else ibis.literal(0, "int64") for each in columns[3:]}
    day, known = dated.moment % _DAYS, dated.moment // _DAYS
    return dated.select(
        C.CUSTOMER_ID,
        **{DAY: day.cast("int32"), KNOWN_FROM: known.cast("int32")},
        **counts,
    )


def customer_category_day(tables: Tables, shop: ShopSettings) -> ir.Table:  # noqa: ARG001
    """One row per customer, category and day: what was bought, at which prices.

    ``list_value`` is money before discount, ``discount_rates`` the sum over discounted lines of
    the share that was taken off.
    """
    lines = tables["lines"]
    bought = lines.filter(lines.units > 0)
    list_value = bought.revenue + bought.discount
    discounted = bought.discount >= HALF_A_CENT
    rate = ibis.ifelse(discounted, bought.discount / list_value.nullif(0), 0.0).fill_null(0.0)
    return bought.group_by(C.CUSTOMER_ID, C.CATEGORY, DAY, KNOWN_FROM).aggregate(
        lines=bought.count(),
        units=bought.units.sum(),
        revenue=bought.revenue.sum(),
        list_value=list_value.sum(),
        discount=bought.discount.sum(),
        discount_rates=rate.sum(),
        discounted_lines=discounted.cast("float64").sum(),
        discounted_units=ibis.ifelse(discounted, bought.units, 0.0).sum(),
    )


def category_day(tables: Tables, shop: ShopSettings) -> ir.Table:  # noqa: ARG001
    """One row per category and day: what the whole shop sold, at which prices."""
    bought = tables["customer_category_day"]
    sums = ("lines", "units", "list_value", "discounted_lines")
    return bought.group_by(C.CATEGORY, DAY, KNOWN_FROM).aggregate(
        **{name: bought[name].sum().cast("float64") for name in sums}
    )


ROLLUPS = (
    Rollup(
        "customer_product_day",
        "products that each customer bought by order and day",
        reads=("lines",),
        build=customer_product_day,
    ),
    Rollup(
        "customer_day_firsts",
        "lines that each customer bought by day, and how many were firsts",
        reads=("customer_product_day",),
        build=customer_day_firsts,
        restates=(C.CUSTOMER_ID,),
    ),
    Rollup(
        "customer_category_day",
        "what each customer bought and saved in each category by day",
        reads=("lines",),
        build=customer_category_day,
    ),
    Rollup(
        "category_day",
        "what the shop sold in each category by day",
        reads=("customer_category_day",),
        build=category_day,
        by_customer=False,
    ),
)
