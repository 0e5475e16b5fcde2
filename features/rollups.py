"""Roll checked records up to one row per customer and day: what makes the rest cheap.

Only this step reads the vocabulary's raw tables; every family reads roll-ups. Days are whole
numbers, days since 1970-01-01 UTC. Two columns make them honest about time:

``known_from``
    the first day on which the fact stood in the shop's systems; a cutoff sees facts with
    ``known_from < as_of_day``.
``known_until``
    of orders only: the day from which later records of the same order, a return or a line that
    arrived late, changed what was known of it; missing while that is the last word.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import ibis
import ibis.expr.types as ir

from features.engine import Engine
from features.settings import ShopSettings
from features.vocabulary import Columns as C

DAY = "day"
KNOWN_FROM = "known_from"
KNOWN_UNTIL = "known_until"
FIRST_KNOWN_FROM = "first_known_from"
STANDS = "stands"
# Sums of prices are not exact in binary: less than half a cent is nothing.
HALF_A_CENT = 0.005

CleanTables = Mapping[str, ir.Table]


@dataclass(frozen=True)
class Rollups:
    """The rolled-up tables that exist for a shop, as Ibis expressions, by name."""

    tables: Mapping[str, ir.Table]

    def __getitem__(self, name: str) -> ir.Table:
        return self.tables[name]

    def __contains__(self, name: str) -> bool:
        return name in self.tables


def epoch_day(ts: ir.TimestampValue) -> ir.IntegerValue:
    """Return whole days since 1970-01-01."""
    return ts.date().epoch_days().cast("int32")


def _known_from(table: ir.Table, day: ir.IntegerValue) -> ir.IntegerValue:
    """Return the later of the day it happened and the day it could first be read."""
    return ibis.greatest(day, epoch_day(table[C.AVAILABLE_AT].fill_null(table[C.TS])))


def order_lines(clean: CleanTables, shop: ShopSettings) -> ir.Table:
    """Give every order line its day, revenue, margin and category.

    Margin is revenue less cost of goods; where the cost is unknown, revenue times the shop's
    stated margin rate, and ``margin_assumed`` is 1.
    """
    orders, products = clean["orders"], clean["products"]
    catalogue = products.select(C.PRODUCT_ID, C.CATEGORY, product_cost=products[C.UNIT_COST])
    lines = orders.left_join(catalogue, C.PRODUCT_ID).drop(f"{C.PRODUCT_ID}_right")
    discount = lines[C.DISCOUNT].fill_null(0.0).abs() * lines[C.QUANTITY].sign()
    revenue = lines[C.QUANTITY] * lines[C.UNIT_PRICE] - discount
    unit_cost = lines[C.UNIT_COST].fill_null(lines["product_cost"])
    margin = (revenue - lines[C.QUANTITY] * unit_cost).fill_null(revenue * shop.margin_rate)
    day = epoch_day(lines[C.TS])
    return lines.select(
        C.CUSTOMER_ID,
        C.ORDER_ID,
        C.PRODUCT_ID,
        category=lines[C.CATEGORY].fill_null("unknown"),
        day=day,
        known_from=_known_from(lines, day),
        units=lines[C.QUANTITY],
        revenue=revenue,
        discount=discount,
        margin=margin,
        margin_assumed=unit_cost.isnull().cast("int8"),
        hour=lines[C.TS].hour().cast("int32"),
    )


def order_rollup(lines: ir.Table) -> ir.Table:
    """One row per order and state of knowledge: when placed, what it was worth, does it stand.

    Money and goods are those of the order's own day. An order stands while all of its records
    known so far, returns and cancellations included, leave revenue: from the day that they no
    longer do it counts as no purchase, though its money (in, and out again) still does.
    """
    order = (C.CUSTOMER_ID, C.ORDER_ID)
    daily = lines.group_by(*order, DAY, KNOWN_FROM).aggregate(
        revenue=lines.revenue.sum(),
        margin=lines.margin.sum(),
        discount=lines.discount.sum(),
        units=lines.units.sum(),
        lines=lines.count(),
        hour=lines.hour.min(),
    )
    known = _states(daily.select(*order, KNOWN_FROM).distinct()).join(
        daily.rename(learned_on=KNOWN_FROM), list(order)
    )
    known = known.filter(known.learned_on <= known[KNOWN_FROM])
    first_day = known[DAY].min().over(group_by=[known[name] for name in (*order, KNOWN_FROM)])
    known = known.mutate(placed_on=first_day)
    placed = known[DAY] == known.placed_on
    state = (*order, KNOWN_FROM, KNOWN_UNTIL, FIRST_KNOWN_FROM)
    sums = {
        name: ibis.ifelse(placed, known[name], 0).sum()
        for name in ("revenue", "margin", "discount", "units", "lines")
    }
    rolled = known.group_by(*state, day=known.placed_on).aggregate(
        **sums, hour=ibis.ifelse(placed, known.hour, None).min(), net=known.revenue.sum()
    )
    return rolled.mutate((rolled.net >= HALF_A_CENT).name(STANDS)).drop("net")


def _states(days: ir.Table) -> ir.Table:
    """Give each day on which more of an order became known the next such day, and the first."""
    order = [days[C.CUSTOMER_ID], days[C.ORDER_ID]]
    return days.mutate(
        days[KNOWN_FROM].lead().over(group_by=order, order_by=days[KNOWN_FROM]).name(KNOWN_UNTIL),
        days[KNOWN_FROM].min().over(group_by=order).name(FIRST_KNOWN_FROM),
    )


def customer_day(lines: ir.Table, costs: ir.Table | None) -> ir.Table:
    """One row per customer and day: all goods and money that moved, returns and costs included.

    Margin here is net of the cost to serve, which lands on the day that it arose.
    """
    bought = lines.units > 0
    moved = lines.select(
        C.CUSTOMER_ID,
        DAY,
        KNOWN_FROM,
        revenue=lines.revenue,
        margin=lines.margin,
        discount=lines.discount,
        refunds=ibis.ifelse(bought, 0.0, -lines.revenue),
        cost_to_serve=ibis.literal(0.0),
        return_lines=(~bought).cast("int64"),
        lines=bought.cast("int64"),
        units=ibis.ifelse(bought, lines.units, 0.0),
    )
    if costs is not None:
        moved = moved.union(_costs_to_serve(costs, moved.columns))
    measures = moved.columns[3:]
    return moved.group_by(C.CUSTOMER_ID, DAY, KNOWN_FROM).aggregate(
        **{name: moved[name].sum() for name in measures}
    )


def _costs_to_serve(costs: ir.Table, columns: Sequence[str]) -> ir.Table:
    """Shape the costs table like the moves of :func:`customer_day`."""
    day = epoch_day(costs[C.TS])
    dated = costs.select(
        C.CUSTOMER_ID, day=day, known_from=_known_from(costs, day), amount=costs[C.AMOUNT]
    )
    nothing = dict.fromkeys(("revenue", "discount", "refunds", "units"), 0.0)
    counts = {name: ibis.literal(0, "int64") for name in ("return_lines", "lines")}
    return dated.mutate(
        margin=-dated.amount, cost_to_serve=dated.amount, **nothing, **counts
    ).select(*columns)


def customer_product_day(lines: ir.Table) -> ir.Table:
    """One row per customer, product and day on which it was bought."""
    bought = lines.filter(lines.units > 0)
    return bought.group_by(
        C.CUSTOMER_ID, C.PRODUCT_ID, C.CATEGORY, C.ORDER_ID, DAY, KNOWN_FROM
    ).aggregate(units=bought.units.sum(), revenue=bought.revenue.sum())


def customer_day_events(events: ir.Table) -> ir.Table:
    """One row per customer and day of browsing."""
    day = epoch_day(events[C.TS])
    dated = events.mutate(day=day, known_from=_known_from(events, day))
    kind = dated[C.EVENT_TYPE]
    return dated.group_by(C.CUSTOMER_ID, DAY, KNOWN_FROM).aggregate(
        views=(kind == "view").sum().cast("int64"),
        searches=(kind == "search").sum().cast("int64"),
        cart_adds=(kind == "cart_add").sum().cast("int64"),
        sessions=dated[C.SESSION_ID].nunique(),
    )


def customer_profiles(customers: ir.Table) -> ir.Table:
    """One row per customer; what was declared is known from the day of signing up."""
    day = epoch_day(customers[C.SIGNED_UP_AT])
    return customers.mutate(day=day, known_from=day).drop(C.SIGNED_UP_AT)


def build_rollups(engine: Engine, clean: CleanTables, shop: ShopSettings, folder: Path) -> Rollups:
    """Materialise every roll-up that the shop's tables allow, as Parquet in ``folder``.

    ``clean`` must hold ``orders``, ``products`` and ``customers``.
    """
    lines = engine.create("lines", order_lines(clean, shop))
    orders = engine.create("order_rollup", order_rollup(lines))
    plans: dict[str, Callable[[], ir.Table]] = {
        "orders": lambda: orders,
        "customer_day": lambda: customer_day(lines, clean.get("costs")),
        "customer_product_day": lambda: customer_product_day(lines),
        "customers": lambda: customer_profiles(clean["customers"]),
    }
    if "events" in clean:
        plans["customer_day_events"] = lambda: customer_day_events(clean["events"])
    for name, plan in plans.items():
        engine.write_parquet(plan(), folder / f"{name}.parquet")
    engine.execute("DROP TABLE lines; DROP TABLE order_rollup")
    return open_rollups(engine, folder)


def open_rollups(engine: Engine, folder: Path) -> Rollups:
    """Return the roll-ups that :func:`build_rollups` stored in ``folder``."""
    return Rollups(
        {
            path.stem: engine.bind_parquet(f"rollup_{path.stem}", path)
            for path in sorted(folder.glob("*.parquet"))
        }
    )
