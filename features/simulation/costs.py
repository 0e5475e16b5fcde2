"""The costs of serving simulated orders: shipping, payment, and support tickets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.simulation.baskets import Lines, net_of_orders
from features.simulation.customers import Customers
from features.simulation.frames import labels, timestamps, vocabulary_frame
from features.simulation.lateness import known_late
from features.simulation.orders import Orders, order_columns
from features.simulation.plan import SECONDS_PER_DAY, Floats, Integers, ShopPlan, random_stream
from features.vocabulary import Columns as C

COST_KINDS = ("shipping", "support", "payment")
PAYMENT_FEE, PAYMENT_RATE = 0.25, 0.014

_LATE_INVOICE_SHARE = 0.05
_LATEST_INVOICE_DAYS = 30


@dataclass(frozen=True)
class Tickets:
    """Support tickets: the order, when opened and the cost in money; one entry each."""

    order: Integers
    second: Integers
    amount: Floats


def draw_tickets(
    plan: ShopPlan, orders: Orders, first_return: Integers, rng: np.random.Generator
) -> Tickets:
    """Draw the tickets of a block: mostly after late parcels and returns."""
    returned = first_return < plan.end_second
    chance = 0.04 + 0.22 * orders.late + 0.15 * returned
    order = np.flatnonzero(rng.random(orders.size) < chance)
    wait = rng.uniform(1, 10, order.size) * SECONDS_PER_DAY
    second = orders.second[order] + wait.astype(np.int64)
    known = second < plan.end_second
    return Tickets(order[known], second[known], rng.uniform(3, 9, known.sum()))


def costs_frame(
    plan: ShopPlan, customers: Customers, orders: Orders, lines: Lines, tickets: Tickets, block: int
) -> pd.DataFrame:
    """Return the vocabulary's ``costs`` table; some carriers send their invoices weeks later."""
    rng = random_stream(plan, "invoices", block)
    parcels = np.flatnonzero(orders.channel != 2)
    n_lines = np.bincount(lines.order, minlength=orders.size)
    every = np.arange(orders.size)
    order = np.concatenate([parcels, tickets.order, every])
    kind = np.repeat([0, 1, 2], [parcels.size, tickets.order.size, every.size])
    second = np.concatenate([orders.second[parcels], tickets.second, orders.second])
    shipping = 3.2 + 0.5 * n_lines[parcels]
    payment = PAYMENT_FEE + PAYMENT_RATE * net_of_orders(lines, orders.size)
    amount = np.concatenate([shipping, tickets.amount, payment])
    share = np.where(kind == 0, _LATE_INVOICE_SHARE, 0.0)
    available = known_late(plan, second, share, _LATEST_INVOICE_DAYS, rng)
    row = np.lexsort((kind, second, orders.customer[order]))
    return vocabulary_frame(
        "costs",
        order_columns(plan, customers, orders, order[row], second[row])
        | {
            C.COST_KIND: labels(COST_KINDS, kind[row]),
            C.AMOUNT: np.round(amount[row], 2),
            C.AVAILABLE_AT: timestamps(plan, available[row]),
        },
    )
