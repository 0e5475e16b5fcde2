"""Who referred whom to the simulated shop."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.simulation.customers import ACQUISITIONS, Customers, sign_up_seconds
from features.simulation.frames import customer_ids, timestamps, vocabulary_frame
from features.simulation.orders import Orders
from features.simulation.plan import SECONDS_PER_DAY, Integers, ShopPlan, random_stream
from features.vocabulary import Columns as C

FRESHEST_ORDER_DAYS, OLDEST_ORDER_DAYS = 2, 120
_ENTHUSIASM = 1.2


def referrals_frame(
    plan: ShopPlan, customers: Customers, orders: Orders, block: int
) -> pd.DataFrame:
    """Return the vocabulary's ``referrals`` table of one block, by referrer and time.

    Every customer acquired by referral since the start was referred by a customer of the same
    block who had ordered in the 2 to 120 days before, drawn by order with weights that grow with
    satisfaction. It depends on nothing else: a referral says no more than orders about who is
    still a customer.
    """
    rng = random_stream(plan, "referrals", block)
    referral = [way.name for way in ACQUISITIONS].index("referral")
    came = np.flatnonzero((customers.acquisition == referral) & (customers.born >= 0))
    signed_up = sign_up_seconds(customers)[came]

    by_time = np.argsort(orders.second, kind="stable")
    weight = np.exp(_ENTHUSIASM * customers.satisfaction[orders.customer[by_time]])
    edges = np.concatenate([[0.0], np.cumsum(weight)])
    first = _place(orders, by_time, signed_up - OLDEST_ORDER_DAYS * SECONDS_PER_DAY)
    stop = _place(orders, by_time, signed_up - FRESHEST_ORDER_DAYS * SECONDS_PER_DAY)
    point = edges[first] + rng.random(came.size) * (edges[stop] - edges[first])
    chosen = np.clip(np.searchsorted(edges, point, side="right") - 1, first, stop - 1)

    told = stop > first  # in the first days nobody has ordered yet
    referrer = orders.customer[by_time[chosen[told]]]
    came, signed_up = came[told], signed_up[told]
    row = np.lexsort((signed_up, referrer))
    return vocabulary_frame(
        "referrals",
        {
            C.CUSTOMER_ID: customer_ids(customers.number[referrer[row]]),
            C.REFERRED_CUSTOMER_ID: customer_ids(customers.number[came[row]]),
            C.TS: timestamps(plan, signed_up[row]),
        },
    )


def _place(orders: Orders, by_time: Integers, second: Integers) -> Integers:
    """Return how many orders were placed before each second."""
    place: Integers = np.searchsorted(orders.second[by_time], second, side="left")
    return place
