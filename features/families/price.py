"""Price: discounts taken, prices paid relative to the usual ones, and units per discounted line.

All columns describe bought lines, before any return. The *usual price* of a category is the mean
price of a unit that the shop sold of it, before discount, over the 365 days up to and including
the day on which a purchase became known. It belongs to the purchase and not to the cutoff, so
that inflation does not make early customers look thrifty. The price level is money before
discount over what the same units cost at usual prices (a Paasche index): 1.1 is 10 % above usual.

Sources: discount share of lines as deal proneness, Lichtenstein, Netemeyer & Burton 1990;
quantity bought on discount against full price, Blattberg & Neslin 1990, chapter 3. The columns
describe an association, not what a discount caused.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.family import AGE_DAYS, KEYS, Column, Family, history, within
from features.rollup import DAY, KNOWN_FROM, Rollups
from features.rollups.products import with_prices
from features.vocabulary import Columns as C

WINDOWS_DAYS = (30, 90, 365)
_USUAL_DAYS = 365
_NOTHING = "bought nothing"
_NO_DISCOUNT = "bought nothing on discount"


def _idle(days: int) -> str:
    return f"bought nothing in {days} days"


COLUMNS = (
    Column("discounted_line_share", "share of bought lines that were discounted", "share",
           _NOTHING),
    *(Column(f"discounted_line_share_{days}d", f"share of the lines bought in the last {days} "
             "days that were discounted", "share", _idle(days)) for days in WINDOWS_DAYS),
    *(Column(f"discount_share_{days}d", "discounts over money before discount, in the last "
             f"{days} days", "share", _idle(days)) for days in WINDOWS_DAYS),
    Column("discount_depth_mean", "mean share of the price taken off discounted lines", "share",
           _NO_DISCOUNT),
    Column("discount_depth_mean_365d", "mean share of the price taken off lines that were "
           "discounted in the last 365 days", "share", f"{_NO_DISCOUNT} in 365 days"),
    Column("discount_trend", "share of discounted lines in the last 90 days less that in the "
           "last 365", "share", _idle(90)),
    Column("discount_excess_365d", "share of discounted lines in the last 365 days less the "
           "shop's usual share in the same categories", "share", _idle(365)),
    Column("last_discount_days", "days since the last discounted line", "days", _NO_DISCOUNT),
    Column("price_level", "money before discount over what the same units usually cost in their "
           "categories", "1 usual", "bought nothing that has a usual price"),
    Column("price_level_365d", "money before discount over what the same units usually cost in "
           "their categories, in the last 365 days", "1 usual",
           f"{_idle(365)} that has a usual price"),
    Column("price_level_trend", "price level of the last 90 days less that of the last 365",
           "1 usual", f"{_idle(90)} that has a usual price"),
    Column("unit_price_trend", "money per unit before discount in the last 90 days over that in "
           "the last 365", "ratio", f"{_idle(90)}, or only gifts"),
    Column("discount_units_ratio", "units of a discounted line over units of a line at full "
           "price: above 1 stocks up on discount", "ratio",
           "has not bought both on discount and at full price"),
)  # fmt: skip

_MEASURES = (
    "lines",
    "units",
    "list_value",
    "discount",
    "discount_rates",
    "discounted_lines",
    "discounted_units",
    "usual_value",
    "usual_discounted_lines",
)


def compute(rollups: Rollups, cutoffs: ir.Table) -> ir.Table:
    """Sum purchases, and what they would have been at usual prices, by window."""
    seen = history(_purchases(rollups), cutoffs)
    sums = {name: seen[name].sum() for name in _MEASURES}
    for days in WINDOWS_DAYS:
        sums |= {f"{name}_{days}d": (seen[name] * within(seen, days)).sum() for name in _MEASURES}
    last_discount = ibis.ifelse(seen.discounted_lines > 0, seen[AGE_DAYS], None).min()
    facts = seen.group_by(*KEYS).aggregate(**sums, last_discount_days=last_discount)
    return _rates(facts).select(*KEYS, *(column.name for column in COLUMNS))


def _purchases(rollups: Rollups) -> ir.Table:
    """Sum each customer's purchases by day, beside the usual money and discounted lines."""
    bought = with_prices(rollups["customer_product_day"])
    usual = _usual(rollups["category_day"])
    priced = bought.join(usual, [C.CATEGORY, KNOWN_FROM])
    priced = priced.mutate(
        usual_value=priced.units * priced.usual_price,
        usual_discounted_lines=priced.lines * priced.usual_discounted_share,
    )
    return priced.group_by(C.CUSTOMER_ID, DAY, KNOWN_FROM).aggregate(
        **{name: priced[name].sum().cast("float64") for name in _MEASURES}
    )


def _usual(sold: ir.Table) -> ir.Table:
    """Return the usual price and share of discounted lines, by category and day known."""
    names = ("lines", "units", "list_value", "discounted_lines")
    days = sold.group_by(C.CATEGORY, KNOWN_FROM).aggregate(
        **{name: sold[name].sum().cast("float64") for name in names}
    )
    year = ibis.range_window(
        group_by=days[C.CATEGORY],
        order_by=days[KNOWN_FROM],
        preceding=_USUAL_DAYS - 1,
        following=0,
    )
    sums = days.mutate(**{name: days[name].sum().over(year) for name in names})
    return sums.select(
        C.CATEGORY,
        KNOWN_FROM,
        usual_price=sums.list_value / sums.units,
        usual_discounted_share=sums.discounted_lines / sums.lines,
    )


def _rates(facts: ir.Table) -> ir.Table:
    def ratio(numerator: str, denominator: str, suffix: str = "") -> ir.FloatingValue:
        return facts[f"{numerator}{suffix}"] / facts[f"{denominator}{suffix}"].nullif(0)

    windows = [f"_{days}d" for days in WINDOWS_DAYS]
    full_price = (facts.units - facts.discounted_units) / (
        facts.lines - facts.discounted_lines
    ).nullif(0)
    return facts.mutate(
        **{f"discounted_line_share{w}": ratio("discounted_lines", "lines", w) for w in windows},
        **{f"discount_share{w}": ratio("discount", "list_value", w) for w in windows},
        discounted_line_share=ratio("discounted_lines", "lines"),
        discount_depth_mean=ratio("discount_rates", "discounted_lines"),
        discount_depth_mean_365d=ratio("discount_rates", "discounted_lines", "_365d"),
        discount_trend=ratio("discounted_lines", "lines", "_90d")
        - ratio("discounted_lines", "lines", "_365d"),
        discount_excess_365d=(facts.discounted_lines_365d - facts.usual_discounted_lines_365d)
        / facts.lines_365d.nullif(0),
        price_level=ratio("list_value", "usual_value"),
        price_level_365d=ratio("list_value", "usual_value", "_365d"),
        price_level_trend=ratio("list_value", "usual_value", "_90d")
        - ratio("list_value", "usual_value", "_365d"),
        unit_price_trend=ratio("list_value", "units", "_90d")
        / ratio("list_value", "units", "_365d").nullif(0),
        discount_units_ratio=ratio("discounted_units", "discounted_lines") / full_price.nullif(0),
    )


FAMILY = Family(
    name="price",
    meaning="the prices and discounts that a customer buys at",
    reads=("customer_product_day", "category_day"),
    columns=COLUMNS,
    compute=compute,
)
