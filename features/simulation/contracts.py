"""Yearly passes that some simulated customers hold: bought with an order, renewed until notice.

A pass does not change how its holder buys. Whether it is renewed says more than orders and visits
about who is still a customer, and the truth says how much.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from features.simulation.customers import Customers
from features.simulation.frames import (
    customer_ids,
    frame,
    labels,
    midnight,
    numbered_within,
    timestamps,
    vocabulary_frame,
)
from features.simulation.orders import Orders, number_within
from features.simulation.plan import (
    NEVER,
    SECONDS_PER_DAY,
    Booleans,
    Floats,
    Integers,
    ShopPlan,
    random_stream,
)
from features.vocabulary import Columns as C


class Pass(NamedTuple):
    """One kind of pass: P(taken at an order), and the log-odds of renewing it."""

    product_id: str
    chance: float
    keeping: float


PASSES: Final = (Pass("pass-delivery", 0.07, 1.0), Pass("pass-care", 0.025, 0.6))
LEVELS: Final = ("basic", "plus")
TERM_DAYS: Final = 365
KEEPS_IF_DROPPED_OUT: Final = 0.25  # renewals by customers who overlook the reminder

_PULL_OF_SATISFACTION = 0.3
_SATISFACTION_TO_KEEP = 0.7
_LAST_REMINDER_DAYS, _FIRST_REMINDER_DAYS = 20, 60
_DECLINED_CARD_SHARE = 0.04
_RECONSIDERED_SHARE = 0.3
_PLUS_PAYS_FROM_ORDERS = 4


@dataclass(frozen=True)
class Terms:
    """Yearly terms of passes, one entry each; days and seconds count from the plan's start.

    In the second ``decided``, which may lie beyond the end, the holder is reminded and ``keeps``
    the pass or gives notice; ``keep_chance`` is P(keeps) of a holder who is still a customer.
    """

    customer: Integers
    product: Integers
    first_day: Integers
    level: Integers
    decided: Integers
    keep_chance: Floats
    keeps: Booleans


def draw_terms(plan: ShopPlan, customers: Customers, orders: Orders, block: int) -> Terms:
    """Draw the terms of a block that begin before the plan's end, by customer and time.

    A kept pass continues the day after its term ends, at a level that some holders reconsider by
    how often they ordered. Now and then a card is declined, and the pass ends without notice.
    """
    rng = random_stream(plan, "contracts", block)
    customer, product, day = _takers(customers, orders, rng)
    thrift = customers.price_sensitivity[customer]
    level = (rng.random(customer.size) < 0.5 - 0.5 * thrift).astype(np.int64)
    drawn: list[Terms] = []
    while not drawn or customer.size:
        decided, chance, keeps = _decide(customers, customer, product, day, rng)
        drawn.append(Terms(customer, product, day, level, decided, chance, keeps))
        plus_pays = _orders_in_term(orders, customer, day) >= _PLUS_PAYS_FROM_ORDERS
        reconsiders = rng.random(customer.size) < _RECONSIDERED_SHARE
        level = np.where(reconsiders, plus_pays, level)
        day = day + TERM_DAYS
        declined = rng.random(customer.size) < _DECLINED_CARD_SHARE
        goes_on = keeps & ~declined & (day < plan.days)
        customer, product, day, level = (each[goes_on] for each in (customer, product, day, level))
    columns = zip(*(vars(terms).values() for terms in drawn), strict=True)
    every = Terms(*map(np.concatenate, columns))
    row = np.lexsort((every.product, every.first_day, every.customer))
    return Terms(*(column[row] for column in vars(every).values()))


def contracts_frame(plan: ShopPlan, customers: Customers, terms: Terms) -> pd.DataFrame:
    """Return the vocabulary's ``contracts`` table, one row per term."""
    gives_notice = ~terms.keeps & (terms.decided < plan.end_second)
    return vocabulary_frame(
        "contracts",
        _names(customers, terms)
        | {
            C.PRODUCT_ID: labels([held.product_id for held in PASSES], terms.product),
            C.STARTS_AT: timestamps(plan, midnight(terms.first_day)),
            C.ENDS_AT: timestamps(plan, midnight(terms.first_day + TERM_DAYS - 1)),
            C.CANCELLED_AT: timestamps(plan, np.where(gives_notice, terms.decided, NEVER)),
            C.LEVEL: labels(LEVELS, terms.level),
        },
    )


def renewal_truth_frame(customers: Customers, terms: Terms) -> pd.DataFrame:
    """Return what was decided on each term, row for row as in ``contracts``.

    ``decided_day`` counts from the plan's start and may lie beyond its end; ``keep_alive`` and
    ``keep_dropped_out`` are P(keeps) of a holder who is still a customer as that day begins, and
    of one who is not.
    """
    return frame(
        {name: ("string", values) for name, values in _names(customers, terms).items()}
        | {
            "decided_day": ("int64", terms.decided // SECONDS_PER_DAY),
            "keeps": ("boolean", terms.keeps),
            "keep_alive": ("float64", terms.keep_chance),
            "keep_dropped_out": ("float64", np.full(terms.keeps.size, KEEPS_IF_DROPPED_OUT)),
        }
    )


def _takers(
    customers: Customers, orders: Orders, rng: np.random.Generator
) -> tuple[Integers, Integers, Integers]:
    """Return customer, kind of pass and first day of everyone who takes a pass.

    It may happen at every order, more likely for the satisfied, and at a customer's first order
    before the history if that is less than a term ago.
    """
    arrived = np.floor(customers.born).astype(np.int64)
    earlier = np.flatnonzero((arrived < 0) & (arrived > -TERM_DAYS))
    customer = np.concatenate([earlier, orders.customer])
    day = np.concatenate([arrived[earlier], orders.day])
    pull = np.exp(_PULL_OF_SATISFACTION * customers.satisfaction[customer])
    chance = np.array([held.chance for held in PASSES]) * pull[:, None]
    place, product = np.nonzero(rng.random(chance.shape) < chance)
    first = np.unique(customer[place] * len(PASSES) + product, return_index=True)[1]
    return customer[place[first]], product[first], day[place[first]]


def _decide(
    customers: Customers,
    customer: Integers,
    product: Integers,
    first_day: Integers,
    rng: np.random.Generator,
) -> tuple[Integers, Floats, Booleans]:
    """Return when each holder is reminded, P(keeps) if still a customer, and the decision.

    The day does not depend on the customer, so that it says nothing by itself.
    """
    n = customer.size
    before_end = rng.integers(_LAST_REMINDER_DAYS, _FIRST_REMINDER_DAYS + 1, n)
    day = first_day + TERM_DAYS - before_end
    second = day * SECONDS_PER_DAY + rng.integers(8 * 3_600, 22 * 3_600, n)
    log_odds = np.array([held.keeping for held in PASSES])[product]
    log_odds = log_odds + _SATISFACTION_TO_KEEP * customers.satisfaction[customer]
    keep_chance = 1 / (1 + np.exp(-log_odds))
    there = customers.died[customer] > day
    keeps = rng.random(n) < np.where(there, keep_chance, KEEPS_IF_DROPPED_OUT)
    return second, keep_chance, keeps


def _orders_in_term(orders: Orders, customer: Integers, first_day: Integers) -> Integers:
    """Count the orders that each customer placed in the term that begins on a day."""
    apart = 10 * TERM_DAYS + int(orders.day.max(initial=0))  # keeps the customers' times apart
    by_time = orders.customer * apart + orders.day
    begin = customer * apart + first_day
    count: Integers = np.searchsorted(by_time, begin + TERM_DAYS) - np.searchsorted(by_time, begin)
    return count


def _names(customers: Customers, terms: Terms) -> dict[str, Any]:
    number = customers.number[terms.customer]
    return {
        C.CUSTOMER_ID: customer_ids(number),
        C.CONTRACT_ID: numbered_within("A", number, number_within(terms.customer)),
    }
