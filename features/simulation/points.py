"""The simulated shop's loyalty points: earned, redeemed, expired first in first out, and levels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd

from features.simulation.baskets import Lines, net_of_orders
from features.simulation.customers import Customers
from features.simulation.frames import labels, timestamps, vocabulary_frame
from features.simulation.orders import Orders, order_columns
from features.simulation.plan import NEVER, SECONDS_PER_DAY, Booleans, Floats, Integers, ShopPlan
from features.vocabulary import Columns as C

POINTS_LIVE_DAYS: Final = 365
LEVELS: Final = ("bronze", "silver", "gold")
LEVELS_FROM: Final = (250.0, 700.0)  # points earned within a year, for silver and for gold
REDEEMED_IN_STEPS_OF: Final = 100

_LIFE_SECONDS = POINTS_LIVE_DAYS * SECONDS_PER_DAY
_REDEEMING_SHARE = 0.12
_MOVEMENTS = ("expired", "redeemed", "earned")  # in this order where they meet
_EXPIRED, _REDEEMED, _EARNED = range(3)


@dataclass(frozen=True)
class Ledger:
    """Points earned by a block's orders, by customer and time.

    ``earned`` has one entry per order. ``total`` (orders + 1) is its running sum, starting at 0:
    differences within a customer are the points earned in between.
    """

    customer: Integers
    second: Integers
    earned: Floats
    total: Floats
    end_second: int

    def place(
        self, customer: Integers, second: Integers, side: Literal["left", "right"]
    ) -> Integers:
        """Return the place of each customer's first order at or after (right: after) a second."""
        apart = self.end_second + _LIFE_SECONDS + 1  # keeps the customers' times apart
        by_time = self.customer * apart + self.second
        place: Integers = np.searchsorted(by_time, customer * apart + second, side)
        return place


def points_frame(
    plan: ShopPlan,
    customers: Customers,
    orders: Orders,
    lines: Lines,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return the vocabulary's ``points`` table: one point per unit of money, valid for a year.

    The oldest points are redeemed first, at an order before it earns its own. What is left of an
    order's points expires a year later, to the second. The level depends on the points earned in
    the year up to and including the movement.
    """
    ledger = _open_ledger(plan, orders, lines)
    redeemed = _redeemed(ledger, rng.random(orders.size) < _REDEEMING_SHARE)
    expired = _expired(ledger, redeemed)

    lapsing, takers, earners = (np.flatnonzero(each) for each in (expired, redeemed, ledger.earned))
    order = np.concatenate([lapsing, takers, earners])
    movement = np.repeat([_EXPIRED, _REDEEMED, _EARNED], [lapsing.size, takers.size, earners.size])
    second = orders.second[order] + np.where(movement == _EXPIRED, _LIFE_SECONDS, 0)
    points = np.concatenate([expired[lapsing], redeemed[takers], ledger.earned[earners]])
    lapses = np.where(movement == _EARNED, second + _LIFE_SECONDS, NEVER)
    level = np.searchsorted(LEVELS_FROM, _earned_within_a_year(ledger, order, movement), "right")
    row = np.lexsort((movement, order, second, orders.customer[order]))
    return vocabulary_frame(
        "points",
        order_columns(plan, customers, orders, order[row], second[row])
        | {
            C.MOVEMENT: labels(_MOVEMENTS, movement[row]),
            C.POINTS: points[row],
            C.EXPIRES_AT: timestamps(plan, lapses[row]),
            C.LEVEL: labels(LEVELS, level[row]),
        },
    )


def _open_ledger(plan: ShopPlan, orders: Orders, lines: Lines) -> Ledger:
    earned = np.floor(net_of_orders(lines, orders.size))
    return Ledger(orders.customer, orders.second, earned, _running(earned), plan.end_second)


def _redeemed(ledger: Ledger, redeems: Booleans) -> Floats:
    """Redeem whole steps of the points earned since the last redemption and not expired.

    Earlier points are never used, so that the balance cannot be negative and no loop is needed.
    """
    at = np.flatnonzero(redeems)
    lapsed = ledger.place(ledger.customer[at], ledger.second[at] - _LIFE_SECONDS, "right")
    before = ledger.total[at]
    at_last = np.concatenate([[0.0], before])[:-1]  # another customer's is below the lapsed
    redeemed = np.zeros_like(ledger.earned)
    usable = before - np.maximum(at_last, ledger.total[lapsed])
    redeemed[at] = usable // REDEEMED_IN_STEPS_OF * REDEEMED_IN_STEPS_OF
    return redeemed


def _expired(ledger: Ledger, redeemed: Floats) -> Floats:
    """Return what is left of each order's points when they expire, first in, first out.

    Once an order's points expire, all points earned up to it are redeemed or expired. So the
    points expired in all are the running maximum of (earned up to the order - redeemed so far).
    """
    lapses = ledger.second + _LIFE_SECONDS
    lot = np.flatnonzero((ledger.earned > 0) & (lapses < ledger.end_second))
    customer = ledger.customer[lot]
    first = np.searchsorted(ledger.customer, customer, side="left")
    until = ledger.place(customer, lapses[lot], "left")
    spent = _running(redeemed)
    claim = ledger.total[lot + 1] - ledger.total[first] - (spent[until] - spent[first])
    claim = np.maximum(claim, 0.0)
    apart = customer * (claim.max(initial=0.0) + 1)
    gone = np.maximum.accumulate(claim + apart) - apart
    gone_before = np.where(np.diff(customer, prepend=-1) == 0, np.roll(gone, 1), 0.0)
    expired = np.zeros_like(redeemed)
    expired[lot] = gone - gone_before
    return expired


def _earned_within_a_year(ledger: Ledger, order: Integers, movement: Integers) -> Floats:
    """Return the points earned in the year up to each movement, its own included."""
    customer, second = ledger.customer[order], ledger.second[order]
    lapses = movement == _EXPIRED
    first = ledger.place(customer, second - np.where(lapses, 0, _LIFE_SECONDS), "right")
    until_lapse = ledger.place(customer, second + _LIFE_SECONDS, "left")
    stop = np.where(lapses, until_lapse, order + (movement == _EARNED))
    within: Floats = ledger.total[stop] - ledger.total[first]
    return within


def _running(amounts: Floats) -> Floats:
    return np.concatenate([[0.0], np.cumsum(amounts)])
