"""How simulated customers browse: visits on their own, and the visit before each order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.simulation.assortment import draw_products
from features.simulation.baskets import Lines
from features.simulation.catalogue import Catalogue
from features.simulation.customers import N_FAVOURITES, Customers, pick_categories
from features.simulation.frames import (
    customer_ids,
    labels,
    numbered_within,
    product_ids,
    timestamps,
    vocabulary_frame,
)
from features.simulation.orders import Orders, number_within, poisson_times
from features.simulation.plan import LONGEST_VISIT_SECONDS, Integers, ShopPlan, random_stream
from features.simulation.seasons import clock_seconds
from features.simulation.words import CATEGORIES
from features.vocabulary import Columns as C

EVENT_TYPES = ("view", "search", "cart_add")
_VIEW, _SEARCH, _CART_ADD = range(3)
_MOST_VIEWS = 10
_SEARCH_SHARE = 0.2
_CART_SHARE = 0.12
_FAVOURITE_SHARE = 0.3
_SIMILAR_SHARE = 0.4


@dataclass(frozen=True)
class Visits:
    """Visits of a block: customer, start and channel; one entry each."""

    customer: Integers
    second: Integers
    channel: Integers


@dataclass(frozen=True)
class Events:
    """Events of visits: ``visit`` is a place in the visits; one entry each, in visit order."""

    visit: Integers
    second: Integers
    kind: Integers
    product: Integers
    query: Integers


def browse(
    plan: ShopPlan,
    catalogue: Catalogue,
    customers: Customers,
    orders: Orders,
    lines: Lines,
    block: int,
) -> pd.DataFrame:
    """Return the vocabulary's ``events`` table of one block, by customer and time."""
    rng = random_stream(plan, "browsing", block)
    own_visits, own_events = _look_around(plan, catalogue, customers, rng)
    buying_visits, buying_events = _before_orders(catalogue, orders, lines, rng)
    visits = Visits(*_stack(own_visits, buying_visits))
    visit, *rest = _stack(own_events, buying_events)
    visit[own_events.visit.size :] += own_visits.customer.size
    return _events_frame(plan, catalogue, customers, visits, Events(visit, *rest))


def _look_around(
    plan: ShopPlan, catalogue: Catalogue, customers: Customers, rng: np.random.Generator
) -> tuple[Visits, Events]:
    """Draw visits independent of orders: a Poisson process while the customer is alive."""
    customer, time = poisson_times(customers.session_rate, customers, plan, rng)
    second = clock_seconds(time)
    searches = rng.random(customer.size) < _SEARCH_SHARE
    fills_cart = rng.random(customer.size) < _CART_SHARE
    n_views = np.minimum(1 + rng.poisson(1.4, customer.size), _MOST_VIEWS)
    n_events = searches + n_views + fills_cart
    visit = np.repeat(np.arange(customer.size), n_events)
    place = number_within(visit)
    is_search = searches[visit] & (place == 0)
    is_cart_add = fills_cart[visit] & (place == n_events[visit] - 1)

    whose, day = customer[visit], time[visit].astype(np.int64)
    category = pick_categories(customers.taste[whose], rng)
    product = draw_products(catalogue.all_goods, category, day, rng)
    favourite = customers.favourites[whose, rng.integers(0, N_FAVOURITES, visit.size)]
    on_sale = (catalogue.first_day[favourite] <= day) & (day <= catalogue.last_day[favourite])
    likes = (rng.random(visit.size) < _FAVOURITE_SHARE) & on_sale
    product = np.where(likes, favourite, product)
    product[is_cart_add] = product[np.flatnonzero(is_cart_add) - 1]  # what was just viewed

    by_name = rng.random(visit.size) < 0.5
    words = np.where(by_name, len(CATEGORIES) + product, catalogue.category[product])
    kind = np.select([is_search, is_cart_add], [_SEARCH, _CART_ADD], _VIEW)
    pause = rng.integers(20, 120, customer.size)
    channel = (rng.random(customer.size) < customers.app_share[customer]).astype(np.int64)
    events = Events(
        visit=visit,
        second=second[visit] + place * pause[visit],
        kind=kind,
        product=np.where(is_search, -1, product),
        query=np.where(is_search, words, -1),
    )
    return Visits(customer, second, channel), events


def _before_orders(
    catalogue: Catalogue, orders: Orders, lines: Lines, rng: np.random.Generator
) -> tuple[Visits, Events]:
    """Draw the visit that leads to each order: minutes to hours before it, on the same day.

    A visit on an earlier day would reveal an order that is still to come.
    """
    lead = np.minimum(180 + rng.exponential(1_800, orders.size), LONGEST_VISIT_SECONDS)
    begin = orders.second - lead.astype(np.int64)
    compares = rng.random(lines.order.size) < _SIMILAR_SHARE
    n_events = 2 + compares
    line = np.repeat(np.arange(lines.order.size), n_events)
    step = number_within(line) + 1 - compares[line]  # 0: view a similar one, 1: view, 2: add
    visit = lines.order[line]
    similar = draw_products(
        catalogue.all_goods, catalogue.category[lines.product[line]], orders.day[visit], rng
    )
    place = number_within(visit)
    share = (place + 0.5) / (np.bincount(visit, minlength=orders.size)[visit] + 0.5)
    events = Events(
        visit=visit,
        second=begin[visit] + (lead[visit] * share).astype(np.int64),
        kind=np.where(step == 2, _CART_ADD, _VIEW),
        product=np.where(step == 0, similar, lines.product[line]),
        query=np.full(visit.size, -1),
    )
    in_app = orders.channel == 1
    return Visits(orders.customer, begin, in_app.astype(np.int64)), events


def _stack(first: Visits | Events, second: Visits | Events) -> list[Integers]:
    pairs = zip(vars(first).values(), vars(second).values(), strict=True)
    return [np.concatenate(pair) for pair in pairs]


def _events_frame(
    plan: ShopPlan, catalogue: Catalogue, customers: Customers, visits: Visits, events: Events
) -> pd.DataFrame:
    row = np.lexsort((events.visit, events.second, visits.customer[events.visit]))
    visit, product = events.visit[row], events.product[row]
    customer = visits.customer[visit]
    number = customers.number[customer]
    queries = [kind.name.lower() for kind in CATEGORIES] + [n.lower() for n in catalogue.names]
    return vocabulary_frame(
        "events",
        {
            C.CUSTOMER_ID: customer_ids(number),
            C.TS: timestamps(plan, events.second[row]),
            C.EVENT_TYPE: labels(EVENT_TYPES, events.kind[row]),
            C.EVENT_ID: numbered_within("E", number, number_within(customer)),
            C.PRODUCT_ID: product_ids(product),
            C.SESSION_ID: numbered_within("S", number, _visit_numbers(visits)[visit]),
            C.QUERY: labels(queries, events.query[row]),
            C.CHANNEL: labels(("web", "app"), visits.channel[visit]),
        },
    )


def _visit_numbers(visits: Visits) -> Integers:
    """Return the place of each visit among its customer's, in order of time, from 0."""
    by_time = np.lexsort((visits.second, visits.customer))
    numbers = np.empty_like(visits.customer)
    numbers[by_time] = number_within(visits.customer[by_time])
    return numbers
