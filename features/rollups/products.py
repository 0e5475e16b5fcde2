"""Products: what each customer bought, and what the shop sold of each product and category."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import ibis
import ibis.expr.types as ir

from features.rollup import DAY, HALF_A_CENT, KNOWN_FROM, Rollup, Tables
from features.settings import ShopSettings
from features.vocabulary import Columns as C

# Larger than any day number, so that two days can be packed into one integer.
_DAYS = 1_000_000
_DAY_KNOWN = (C.CUSTOMER_ID, DAY, KNOWN_FROM)


def customer_product_day(tables: Tables, shop: ShopSettings) -> ir.Table:
    """One row per line bought: a product in an order, its units and what was paid for them.

    Lines are not summed by day: few share a day, and readers sum by what they need.
    """
    lines = tables["lines"]
    bought = lines.filter(lines.units > 0)
    return bought.select(
        C.CUSTOMER_ID,
        C.PRODUCT_ID,
        C.ORDER_ID,
        DAY,
        KNOWN_FROM,
        C.CATEGORY,
        "units",
        "revenue",
        "discount",
    )


def customer_day_firsts(tables: Tables, shop: ShopSettings) -> ir.Table:
    """One row per customer and day: the number of products bought for the first time.

    The first line of a product is the one that became known first. That never changes later, so
    that the number of distinct products is a sum.
    """
    return _firsts(tables["customer_product_day"], "products", C.PRODUCT_ID)


def customer_day_repeats(tables: Tables, shop: ShopSettings) -> ir.Table:
    """One row per customer and day: bought lines, and how often their products were bought.

    A *bought line* is a product in an order, once for each day on which it was added.
    ``nth_of_product`` is the largest number of lines of one product that the customer had by
    then. ``orders``, and ``order_categories`` (pairs of order and category), are counted on the
    day of their first line, so that they add up.
    """
    products = tables["customer_product_day"]
    several = _of_several_rows(products)
    # Lines are all rows, less those of products with several rows, plus the lines among these.
    counts = (
        products.group_by(*_DAY_KNOWN).aggregate(lines=products.count()),
        several.group_by(*_DAY_KNOWN).aggregate(lines=-several.count()),
        _repeats(several.distinct()),
        _firsts(products, "orders", C.ORDER_ID),
        _firsts(products, "order_categories", C.ORDER_ID, C.CATEGORY),
    )
    sums = ("lines", "orders", "order_categories")
    names = (*sums, "nth_of_product")
    together = functools.reduce(
        lambda one, other: one.union(other), (_padded(table, names) for table in counts)
    )
    nth = ibis.greatest(together.nth_of_product.max(), 1)
    return together.group_by(*_DAY_KNOWN).aggregate(
        **{
            name: together[name].sum().cast("float64") for name in names if name != "nth_of_product"
        },
        nth_of_product=nth.cast("float64"),
    )


def _of_several_rows(products: ir.Table) -> ir.Table:
    """Return the identity of each row whose product the customer has more rows of.

    Products with one row are most. What takes long, to tell a line from one of the same product
    that was added to the order on the same day and to number lines, is left to the others.
    """
    product = (C.CUSTOMER_ID, C.PRODUCT_ID)
    times = products.group_by(*product).aggregate(times=products.count())
    several = products.semi_join(times.filter(times.times > 1), list(product))
    return several.select(*product, C.ORDER_ID, DAY, KNOWN_FROM)


def _repeats(lines: ir.Table) -> ir.Table:
    """Count lines, and count up each product's lines in the order in which they became known."""
    as_known = ibis.window(
        group_by=[lines[C.CUSTOMER_ID], lines[C.PRODUCT_ID]],
        order_by=[lines[KNOWN_FROM], lines[DAY]],
    )
    ranked = lines.mutate(nth=1 + ibis.row_number().over(as_known))
    return ranked.group_by(*_DAY_KNOWN).aggregate(
        lines=ranked.count(), nth_of_product=ranked.nth.max()
    )


def _firsts(lines: ir.Table, name: str, *kind: str) -> ir.Table:
    """Count distinct values of some columns, each on the day of the line that was known first."""
    # One integer, ordered by the day known and then by the day: its minimum is the first line.
    moment = lines[KNOWN_FROM].cast("int64") * _DAYS + lines[DAY]
    first = lines.group_by(C.CUSTOMER_ID, *kind).aggregate(moment=moment.min())
    dated = first.group_by(C.CUSTOMER_ID, "moment").aggregate(first.count().name(name))
    day, known = dated.moment % _DAYS, dated.moment // _DAYS
    return dated.select(
        C.CUSTOMER_ID,
        name,
        **{DAY: day.cast("int32"), KNOWN_FROM: known.cast("int32")},
    )


def _padded(counts: ir.Table, names: Sequence[str]) -> ir.Table:
    """Add the columns of the other counts, all 0, for a union."""
    nothing = ibis.literal(0, "int64")
    return counts.select(
        *_DAY_KNOWN, **{name: counts[name] if name in counts.columns else nothing for name in names}
    )


def with_prices(bought: ir.Table) -> ir.Table:
    """Add to bought lines their money before discount, and whether they were discounted.

    ``discount_rates`` is the share taken off a discounted line, and 0 for the others.
    """
    list_value = bought.revenue + bought.discount
    discounted = bought.discount >= HALF_A_CENT
    rate = ibis.ifelse(discounted, bought.discount / list_value.nullif(0), 0.0)
    return bought.mutate(
        lines=ibis.literal(1).cast("float64"),
        list_value=list_value,
        discount_rates=rate.fill_null(0.0),
        discounted_lines=discounted.cast("float64"),
        discounted_units=ibis.ifelse(discounted, bought.units, 0.0),
    )


def category_day(tables: Tables, shop: ShopSettings) -> ir.Table:
    """One row per category and day: the lines and units that the shop sold, and their prices."""
    bought = with_prices(tables["customer_product_day"])
    sums = ("lines", "units", "list_value", "discounted_lines")
    return bought.group_by(C.CATEGORY, DAY, KNOWN_FROM).aggregate(
        **{name: bought[name].sum().cast("float64") for name in sums}
    )


ROLLUPS = (
    Rollup(
        "customer_product_day",
        "lines that each customer bought, with their product",
        reads=("lines",),
        build=customer_product_day,
    ),
    Rollup(
        "customer_day_firsts",
        "products that each customer bought for the first time by day",
        reads=("customer_product_day",),
        build=customer_day_firsts,
        restates=(C.CUSTOMER_ID,),
    ),
    Rollup(
        "customer_day_repeats",
        "lines that each customer bought by day, and how often the same products before",
        reads=("customer_product_day",),
        build=customer_day_repeats,
        restates=(C.CUSTOMER_ID,),
    ),
    Rollup(
        "category_day",
        "what the shop sold in each category by day",
        reads=("customer_product_day",),
        build=category_day,
        by_customer=False,
    ),
)
