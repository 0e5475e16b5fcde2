"""What follows a simulated order: shipping and support, answers to surveys, loyalty points."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.simulation.baskets import Lines
from features.simulation.customers import Customers
from features.simulation.frames import (
    customer_ids,
    labels,
    order_ids,
    timestamps,
    vocabulary_frame,
)
from features.simulation.orders import Orders
from features.simulation.plan import SECONDS_PER_DAY, Booleans, Floats, Integers, ShopPlan
from features.vocabulary import Columns as C

_RESPONSE_RATE = 0.15
_REDEEMING_SHARE = 0.12
_REDEEMED_IN_STEPS_OF = 100


def costs_frame(
    plan: ShopPlan,
    customers: Customers,
    orders: Orders,
    lines: Lines,
    first_return: Integers,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return the vocabulary's ``costs`` table: parcels, and tickets of those with trouble."""
    parcels = np.flatnonzero(orders.channel != 2)
    n_lines = np.bincount(lines.order, minlength=orders.size)
    returned = first_return < plan.end_second
    chance = 0.04 + 0.22 * orders.late + 0.15 * returned
    tickets = np.flatnonzero(rng.random(orders.size) < chance)
    wait = rng.uniform(1, 10, tickets.size) * SECONDS_PER_DAY
    ticket_second = orders.second[tickets] + wait.astype(np.int64)
    known = ticket_second < plan.end_second

    order = np.concatenate([parcels, tickets[known]])
    kind = np.repeat([0, 1], [parcels.size, known.sum()])
    second = np.concatenate([orders.second[parcels], ticket_second[known]])
    amount = np.concatenate([3.2 + 0.5 * n_lines[parcels], rng.uniform(3, 9, known.sum())])
    row = np.lexsort((kind, second, orders.customer[order]))
    return vocabulary_frame(
        "costs",
        _order_columns(plan, customers, orders, order[row], second[row])
        | {
            C.COST_KIND: labels(("shipping", "support"), kind[row]),
            C.AMOUNT: np.round(amount[row], 2),
        },
    )


def surveys_frame(
    plan: ShopPlan,
    customers: Customers,
    orders: Orders,
    first_return: Integers,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return the vocabulary's ``surveys`` table: some orders are answered for, days later.

    The score falls with late parcels and with goods sent back before the answer, and rises with
    a lasting satisfaction that is lower for those who drop out sooner.
    """
    order = np.flatnonzero(rng.random(orders.size) < _RESPONSE_RATE)
    wait = rng.uniform(2, 12, order.size) * SECONDS_PER_DAY
    second = orders.second[order] + wait.astype(np.int64)
    known = second < plan.end_second
    order, second = order[known], second[known]
    mood = customers.satisfaction[orders.customer[order]] + 0.7 * rng.standard_normal(order.size)
    mood = mood - 1.6 * orders.late[order] - 0.9 * (first_return[order] < second)
    is_csat = rng.random(order.size) < 0.5
    score = np.where(
        is_csat,
        np.clip(np.rint(4.1 + 0.7 * mood), 1, 5),
        np.clip(np.rint(7.9 + 1.5 * mood), 0, 10),
    )
    row = np.lexsort((order, second, orders.customer[order]))
    return vocabulary_frame(
        "surveys",
        _order_columns(plan, customers, orders, order[row], second[row])
        | {
            C.SURVEY: labels(("nps", "csat"), is_csat[row].astype(np.int64)),
            C.SCORE: score[row] + 0.0,  # rounding up to zero leaves a minus sign
        },
    )


def points_frame(
    plan: ShopPlan,
    customers: Customers,
    orders: Orders,
    lines: Lines,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return the vocabulary's ``points`` table: one earned per unit of money, some redeemed."""
    earned = np.floor(np.bincount(lines.order, _net(lines), minlength=orders.size))
    redeemed = _redeemed(orders.customer, earned, rng.random(orders.size) < _REDEEMING_SHARE)
    takers, earners = np.flatnonzero(redeemed > 0), np.flatnonzero(earned > 0)
    order = np.concatenate([takers, earners])
    points = np.concatenate([redeemed[takers], earned[earners]])
    movement = np.repeat([0, 1], [takers.size, earners.size])
    row = np.lexsort((movement, order))  # at one order, old points are redeemed first
    order = order[row]
    return vocabulary_frame(
        "points",
        _order_columns(plan, customers, orders, order, orders.second[order])
        | {
            C.MOVEMENT: labels(("redeemed", "earned"), movement[row]),
            C.POINTS: points[row],
        },
    )


def _redeemed(customer: Integers, earned: Floats, redeems: Booleans) -> Floats:
    """Redeem whole steps of what was earned since the last redemption and before this order.

    So the balance is never negative, and no customer needs a loop.
    """
    before = np.cumsum(earned) - earned
    before -= before[np.searchsorted(customer, customer, side="left")]
    at = np.flatnonzero(redeems)
    same = np.diff(customer[at], prepend=-1) == 0
    since = before[at] - np.where(same, np.roll(before[at], 1), 0.0)
    redeemed = np.zeros_like(earned)
    redeemed[at] = since // _REDEEMED_IN_STEPS_OF * _REDEEMED_IN_STEPS_OF
    return redeemed


def _net(lines: Lines) -> Floats:
    return lines.unit_price * lines.quantity - lines.discount


def _order_columns(
    plan: ShopPlan, customers: Customers, orders: Orders, order: Integers, second: Integers
) -> dict[str, object]:
    number = customers.number[orders.customer[order]]
    return {
        C.CUSTOMER_ID: customer_ids(number),
        C.TS: timestamps(plan, second),
        C.ORDER_ID: order_ids(number, orders.number[order]),
    }
