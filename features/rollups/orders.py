"""Orders: what moved on each day of an order, and every state in which it was known."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.rollup import (
    DAY,
    FIRST_KNOWN_FROM,
    HALF_A_CENT,
    IS_NET_POSITIVE,
    KNOWN_FROM,
    KNOWN_UNTIL,
    Rollup,
    Tables,
)
from features.settings import ShopSettings
from features.vocabulary import Columns as C

_ORDER = (C.CUSTOMER_ID, C.ORDER_ID)
# Channels that are counted by name; all others are counted together.
CHANNELS = ("web", "app", "store", "phone")
BY_CHANNEL = (*(f"{name}_lines" for name in CHANNELS), "other_channel_lines")
_SUMS = ("revenue", "margin", "discount", "units", "lines")


def order_moves(tables: Tables, shop: ShopSettings) -> ir.Table:
    """One row per order, day and day known: the goods and money that moved.

    Money includes adjustments, lines and units do not: ``adjustments`` is their part of the
    revenue. ``refunds`` is money given back, for goods or as a credit; ``assumed_revenue`` is
    money taken whose cost of goods is unknown. Bought lines with a known channel are also counted
    by channel.
    """
    lines = tables["lines"]
    bought, is_product = lines.units > 0, lines.units != 0
    return lines.group_by(*_ORDER, DAY, KNOWN_FROM).aggregate(
        revenue=lines.revenue.sum(),
        adjustments=lines.adjustment.sum(),
        margin=lines.margin.sum(),
        discount=lines.discount.sum(),
        units=lines.units.sum(),
        lines=is_product.cast("int64").sum(),
        lines_assumed=lines.margin_assumed.sum(),
        hour=ibis.ifelse(is_product, lines.hour, None).min(),
        refunds=ibis.greatest(-lines.revenue, 0.0).sum(),
        return_lines=(lines.units < 0).cast("int64").sum(),
        bought_units=ibis.ifelse(bought, lines.units, 0.0).sum(),
        assumed_revenue=ibis.ifelse(
            lines.margin_assumed == 1, ibis.greatest(lines.revenue, 0.0), 0.0
        ).sum(),
        **_lines_by_channel(lines, bought),
    )


def _lines_by_channel(lines: ir.Table, bought: ir.BooleanValue) -> dict[str, ir.Value]:
    """Count bought lines by channel; those without one are left out."""
    channel = lines[C.CHANNEL]
    named = bought & channel.notnull()
    marks = [*(named & (channel == name) for name in CHANNELS), named & channel.notin(CHANNELS)]
    return {name: mark.cast("float64").sum() for name, mark in zip(BY_CHANNEL, marks, strict=True)}


def order_states(tables: Tables, shop: ShopSettings) -> ir.Table:
    """One row per order and state in which it was known: day, money, goods, ``is_net_positive``.

    Money and goods are those of the day on which it was placed, its first with goods. An order
    is net-positive while all of its records known so far, returns and cancellations included,
    leave revenue, and its goods alone do too. From the day on which they no longer do, it does
    not count as a purchase, but its money still counts on the days on which it moved. An order
    without goods has no row.
    """
    moves = tables["order_moves"]
    # Nearly all orders have one row of moves, hence one state; only the others need more work.
    times = moves.group_by(*_ORDER).aggregate(times=moves.count())
    several = times.filter(times.times > 1)
    plain = moves.anti_join(several, list(_ORDER))
    plain = plain.filter(plain.lines > 0)
    plain = plain.mutate(
        ibis.null().cast("int32").name(KNOWN_UNTIL),
        plain[KNOWN_FROM].name(FIRST_KNOWN_FROM),
        _leave_revenue(plain.revenue, plain.adjustments).name(IS_NET_POSITIVE),
    )
    restated = _restated(moves.semi_join(several, list(_ORDER)))
    columns = (
        *_ORDER,
        KNOWN_FROM,
        KNOWN_UNTIL,
        FIRST_KNOWN_FROM,
        DAY,
        *_SUMS,
        "hour",
        IS_NET_POSITIVE,
    )
    states = plain.select(*columns).union(restated.select(*columns))
    # Every cutoff groups them by customer, which is faster where a customer's rows are adjacent.
    return states.order_by(C.CUSTOMER_ID)


def _restated(moves: ir.Table) -> ir.Table:
    """Sum what was known of an order on each day on which more of it became known."""
    states = _states(moves)
    learned = moves.rename(learned_on=KNOWN_FROM)
    of_first_day = states.placed_on == learned[DAY]
    placed = states.join(learned.drop("adjustments"), [*_ORDER, of_first_day])
    placed = placed.filter(placed.learned_on <= placed[KNOWN_FROM])
    state = (*_ORDER, KNOWN_FROM, KNOWN_UNTIL, FIRST_KNOWN_FROM, DAY)
    rolled = placed.group_by(*state).aggregate(
        **{name: placed[name].sum() for name in _SUMS},
        hour=placed.hour.min(),
        # Alike in all rows of a state.
        net=placed.net.max(),
        adjusted=placed.adjusted.max(),
    )
    return rolled.mutate(_leave_revenue(rolled.net, rolled.adjusted).name(IS_NET_POSITIVE))


def _leave_revenue(net: ir.FloatingValue, adjustments: ir.FloatingValue) -> ir.BooleanValue:
    """Return whether an order leaves revenue, both with and without its adjustments."""
    return ibis.least(net, net - adjustments) >= HALF_A_CENT


def _states(moves: ir.Table) -> ir.Table:
    """Return the days on which more of an order became known, each with the next such day.

    ``placed_on`` is the first day with goods and ``net`` and ``adjusted`` the money, as far as
    they were known then. ``first_known_from`` is the first of these days on which the order held
    goods.
    """
    with_goods = ibis.ifelse(moves.lines > 0, moves[DAY], None)
    days = moves.group_by(*_ORDER, KNOWN_FROM).aggregate(
        net=moves.revenue.sum(), adjusted=moves.adjustments.sum(), first_day=with_goods.min()
    )
    order = {"group_by": [days[name] for name in _ORDER], "order_by": days[KNOWN_FROM]}
    so_far = ibis.cumulative_window(**order)
    held_goods = ibis.ifelse(days.first_day.notnull(), days[KNOWN_FROM], None)
    return days.select(
        *_ORDER,
        KNOWN_FROM,
        days[KNOWN_FROM].lead().over(**order).name(KNOWN_UNTIL),
        held_goods.min().over(so_far).name(FIRST_KNOWN_FROM),
        placed_on=days.first_day.min().over(so_far),
        net=days.net.sum().over(so_far),
        adjusted=days.adjusted.sum().over(so_far),
    )


ROLLUPS = (
    Rollup(
        "order_moves",
        "goods and money of each order by the day they moved",
        reads=("lines",),
        build=order_moves,
    ),
    Rollup(
        "order_states",
        "orders as they were known, from when to when",
        reads=("order_moves",),
        build=order_states,
        restates=_ORDER,
    ),
)
