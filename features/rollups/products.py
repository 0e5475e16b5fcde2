"""Products: what each customer bought, by product and by category, and what prices were usual."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import ibis
import ibis.expr.types as ir

from features.rollup import DAY, HALF_A_CENT, KNOWN_FROM, Rollup, Tables
from features.settings import ShopSettings
from features.vocabulary import Columns as C

# More than any day since 1970 is: days below it and another number share one number.
_DAYS = 1_000_000
_DAY_KNOWN = (C.CUSTOMER_ID, DAY, KNOWN_FROM)


def customer_product_day(tables: Tables, shop: ShopSettings) -> ir.Table:
    """One row per line bought: a product in an order, its units and what was paid for them.

    They are not added up: most stand alone, and whoever reads them adds up by what they need.
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
    """One row per customer and day with lines that were the first of their product.

    A line is the first when the shop knew of no other: what was known first stays first, so
    distinct counts become sums.
    """
    return _firsts(tables["customer_product_day"], "products", C.PRODUCT_ID)


def customer_day_repeats(tables: Tables, shop: ShopSettings) -> ir.Table:
    """One row per customer and day: bought lines, and how often the customer came back to them.

    A *bought line* is a product in an order, once for each day on which it was added.
    ``nth_of_product`` is the most lines of any one product that the customer had with these;
    ``orders`` and ``order_categories`` count the firsts of their kind.
    """
    products = tables["customer_product_day"]
    identity = (C.CUSTOMER_ID, C.PRODUCT_ID, C.ORDER_ID, DAY, KNOWN_FROM)
    lines = products.select(*identity).distinct()
    counts = (
        lines.group_by(*_DAY_KNOWN).aggregate(lines=lines.count()),
        _repeats(lines),
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


def _repeats(lines: ir.Table) -> ir.Table:
    """Count each product's lines as they became known; only of those that came more than once."""
    product = (C.CUSTOMER_ID, C.PRODUCT_ID)
    times = lines.group_by(*product).aggregate(times=lines.count())
    repeated = lines.semi_join(times.filter(times.times > 1), list(product))
    as_known = ibis.window(
        group_by=[repeated[name] for name in product],
        order_by=[repeated[KNOWN_FROM], repeated[DAY]],
    )
    ranked = repeated.mutate(nth=1 + ibis.row_number().over(as_known))
    return ranked.group_by(*_DAY_KNOWN).aggregate(nth_of_product=ranked.nth.max())


def _firsts(lines: ir.Table, name: str, *kind: str) -> ir.Table:
    """Count the firsts of a kind on the day of the first, as known first."""
    # One number that orders by when it was known, then by when it was.
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
    """Give counts of one kind the others' columns, holding 0."""
    nothing = ibis.literal(0, "int64")
    return counts.select(
        *_DAY_KNOWN, **{name: counts[name] if name in counts.columns else nothing for name in names}
    )


def at_prices(bought: ir.Table) -> ir.Table:
    """Say of bought lines what they cost before discount, and whether they were discounted.

    ``discount_rates`` is the share that was taken off a discounted line, and 0 of any other.
    """
    list_value = bought.revenue + bought.discount
    discounted = bought.discount >= HALF_A_CENT
    rate = ibis.ifelse(discounted, bought.discount / list_value.nullif(0), 0.0)
    return bought.mutate(
        lines=ibis.literal(1.0),
        list_value=list_value,
        discount_rates=rate.fill_null(0.0),
        discounted_lines=discounted.cast("float64"),
        discounted_units=ibis.ifelse(discounted, bought.units, 0.0),
    )


def category_day(tables: Tables, shop: ShopSettings) -> ir.Table:
    """One row per category and day: what the whole shop sold, at which prices."""
    bought = at_prices(tables["customer_product_day"])
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
