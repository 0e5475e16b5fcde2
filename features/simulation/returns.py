"""Returned goods, and the vocabulary's orders table of sales and returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.simulation.baskets import Lines
from features.simulation.catalogue import Catalogue
from features.simulation.customers import Customers
from features.simulation.frames import (
    customer_ids,
    labels,
    order_ids,
    product_ids,
    timestamps,
    vocabulary_frame,
)
from features.simulation.orders import CHANNELS, Orders
from features.simulation.plan import (
    SECONDS_PER_DAY,
    Floats,
    Integers,
    ShopPlan,
    random_stream,
)
from features.simulation.words import CATEGORIES
from features.vocabulary import Columns as C

FIRST_RETURN_DAYS, LAST_RETURN_DAYS = 3, 30
_ALL_UNITS_SHARE = 0.75


@dataclass(frozen=True)
class Returns:
    """Returned goods: ``line`` is the place in the block's lines; ``quantity`` is positive."""

    line: Integers
    second: Integers
    quantity: Integers
    discount: Floats


def draw_returns(
    plan: ShopPlan, catalogue: Catalogue, orders: Orders, lines: Lines, block: int
) -> Returns:
    """Draw which lines are returned, whole or one unit, within the month after the order."""
    rng = random_stream(plan, "returns", block)
    chance = np.array([kind.return_rate for kind in CATEGORIES])[catalogue.category[lines.product]]
    line = np.flatnonzero(rng.random(chance.size) < chance)
    wait = rng.uniform(FIRST_RETURN_DAYS, LAST_RETURN_DAYS, line.size) * SECONDS_PER_DAY
    second = orders.second[lines.order[line]] + wait.astype(np.int64)
    whole = rng.random(line.size) < _ALL_UNITS_SHARE
    quantity = np.where(whole, lines.quantity[line], 1)
    discount = np.round(lines.discount[line] * quantity / lines.quantity[line], 2)
    known = second < plan.end_second
    return Returns(line[known], second[known], quantity[known], discount[known])


def first_return_second(orders: Orders, lines: Lines, returns: Returns) -> Integers:
    """Return when the first goods of each order were returned; the largest integer if none."""
    first = np.full(orders.size, np.iinfo(np.int64).max)
    np.minimum.at(first, lines.order[returns.line], returns.second)
    return first


def orders_frame(
    plan: ShopPlan, customers: Customers, orders: Orders, lines: Lines, returns: Returns
) -> pd.DataFrame:
    """Return the vocabulary's ``orders`` table: lines sold and, under the same ids, returned."""
    line = np.concatenate([np.arange(lines.order.size), returns.line])
    order = lines.order[line]
    second = np.concatenate([orders.second[lines.order], returns.second])
    quantity = np.concatenate([lines.quantity, -returns.quantity])
    discount = np.concatenate([lines.discount, -returns.discount])
    row = np.lexsort((line, second, orders.customer[order]))
    line, order = line[row], order[row]
    number = customers.number[orders.customer[order]]
    return vocabulary_frame(
        "orders",
        {
            C.ORDER_ID: order_ids(number, orders.number[order]),
            C.CUSTOMER_ID: customer_ids(number),
            C.PRODUCT_ID: product_ids(lines.product[line]),
            C.TS: timestamps(plan, second[row]),
            C.QUANTITY: quantity[row],
            C.UNIT_PRICE: lines.unit_price[line],
            C.DISCOUNT: discount[row],
            C.CHANNEL: labels(CHANNELS, orders.channel[order]),
        },
    )
