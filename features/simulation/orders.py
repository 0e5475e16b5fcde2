"""When simulated customers order: randomised contacts and the purchases they sway."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from features.simulation.customers import Customers
from features.simulation.frames import customer_ids, order_ids, timestamps
from features.simulation.plan import Booleans, Floats, Integers, ShopPlan, random_stream
from features.simulation.seasons import (
    campaign_days,
    campaign_under_way,
    clock_seconds,
    season,
    season_peak,
)
from features.vocabulary import Columns as C

CHANNELS = ("web", "app", "store")
_STORE_SHARE = 0.15
_LATE_SHARE = 0.08


@dataclass(frozen=True)
class Assignment:
    """Who took part in which campaign; both arrays are (customers, campaigns).

    ``registered`` customers had consented and ordered before the campaign's day; a random half of
    them was ``treated``.
    """

    registered: Booleans
    treated: Booleans


@dataclass(frozen=True)
class Orders:
    """The orders of one block, by customer and time; one entry each.

    ``customer`` is the place in the block, ``number`` counts a customer's orders, ``campaign``
    is the campaign whose e-mail the customer got within the window before, or -1. ``late`` says
    that the parcel was late, which only surveys and support tickets show.
    """

    customer: Integers
    number: Integers
    second: Integers
    day: Integers
    channel: Integers
    campaign: Integers
    late: Booleans

    @property
    def size(self) -> int:
        """Number of orders in the block."""
        return self.customer.size


def assign_contacts(plan: ShopPlan, customers: Customers, block: int) -> Assignment:
    """Send each campaign's e-mail to a random half of the registered, dropped out or not."""
    rng = random_stream(plan, "contacts", block)
    days = campaign_days(plan)
    registered = customers.email_consent[:, None] & (np.floor(customers.born)[:, None] < days)
    return Assignment(registered, registered & (rng.random(registered.shape) < 0.5))


def draw_orders(plan: ShopPlan, customers: Customers, assignment: Assignment, block: int) -> Orders:
    """Draw the orders of one block: the first on arrival, then a Poisson process.

    The rate on a day is the customer's own times the season, and times (1 + effect) within the
    window after an e-mail; drawn by thinning (Lewis & Shedler 1979).
    """
    rng = random_stream(plan, "orders", block)
    peak = season_peak(plan)
    most = customers.purchase_rate * peak * (1 + np.maximum(customers.campaign_effect, 0.0))
    customer, time = poisson_times(most, customers, plan, rng)
    day = np.floor(time).astype(np.int64)
    campaign = campaign_received(plan, assignment, customer, day)
    lift = np.where(campaign >= 0, 1 + customers.campaign_effect[customer], 1.0)
    rate = customers.purchase_rate[customer] * season(plan, day) * lift
    kept = rng.random(time.size) * most[customer] < rate

    arrivals = np.flatnonzero(customers.born >= 0)
    customer = np.concatenate([arrivals, customer[kept]])
    time = np.concatenate([customers.born[arrivals], time[kept]])
    order = np.lexsort((time, customer))
    customer, time = customer[order], time[order]
    day = np.floor(time).astype(np.int64)
    online = np.where(rng.random(time.size) < customers.app_share[customer], 1, 0)
    channel = np.where(rng.random(time.size) < _STORE_SHARE, 2, online)
    return Orders(
        customer=customer,
        number=number_within(customer),
        second=clock_seconds(time),
        day=day,
        channel=channel,
        campaign=campaign_received(plan, assignment, customer, day),
        late=(channel != 2) & (rng.random(time.size) < _LATE_SHARE),
    )


def poisson_times(
    rate: Floats, customers: Customers, plan: ShopPlan, rng: np.random.Generator
) -> tuple[Integers, Floats]:
    """Draw events of a constant rate per day over each life within the history.

    Returns
    -------
    customer, time
        The place in the block and the time in days from the start, one entry per event.
    """
    begin = np.maximum(customers.born, 0.0)
    length = np.minimum(customers.died, plan.days) - begin
    customer = np.repeat(np.arange(customers.size), rng.poisson(rate * length))
    return customer, begin[customer] + rng.random(customer.size) * length[customer]


def campaign_received(
    plan: ShopPlan, assignment: Assignment, customer: Integers, day: Integers
) -> Integers:
    """Return the campaign whose e-mail reached each customer within the window, or -1."""
    campaign = campaign_under_way(plan, day)
    return np.where(assignment.treated[customer, campaign] & (campaign >= 0), campaign, -1)


def number_within(group: Integers) -> Integers:
    """Count 0, 1, 2, ... within each run of equal values of a sorted array."""
    return np.arange(group.size) - np.searchsorted(group, group, side="left")


def order_columns(
    plan: ShopPlan, customers: Customers, orders: Orders, order: Integers, second: Integers
) -> dict[str, Any]:
    """Return customer, time and order of records that refer to orders."""
    number = customers.number[orders.customer[order]]
    return {
        C.CUSTOMER_ID: customer_ids(number),
        C.TS: timestamps(plan, second),
        C.ORDER_ID: order_ids(number, orders.number[order]),
    }
