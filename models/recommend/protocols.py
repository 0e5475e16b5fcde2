"""Protocols of evaluation: what a recommender may know, and what it must predict.

A window holds what is known and what was bought next. It cannot be built when a judged customer's
known history reaches as far as the order to be predicted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from features.errors import DataError
from models.metrics.ranking import Truth
from models.recommend.interactions import Interactions
from models.recommend.orders import OrderTable


@dataclass(frozen=True, eq=False)
class Window:
    """Purchases that are known, and the next order of some of the customers.

    Attributes
    ----------
    known
        All that a model may learn from.
    customers
        Indices of the judged customers, ascending; shape (n,).
    truth
        Ones where the next order holds the product; shape (n, n_products).
    truth_places
        Place of each judged order in its customer's time: a day, or a number of an order.
    known_places
        Place of each customer's latest known order on the same scale; shape (n_customers,).

    Raises
    ------
    DataError
        A judged customer's history reaches to the order to be predicted.
    """

    known: Interactions
    customers: NDArray[np.int64]
    truth: Truth
    truth_places: NDArray[np.int64]
    known_places: NDArray[np.int64]

    def __post_init__(self) -> None:
        reached = self.known_places[self.customers] >= self.truth_places
        if reached.any():
            raise DataError(
                f"The history of {int(reached.sum())} customers reaches to the order that is to "
                "be named: the test basket is in the training data.",
                "Take the judged orders, and all that is later, out of what is known.",
            )


def last_basket(interactions: Interactions, least_orders: int = 2) -> Window:
    """Hold out the latest order of every customer with at least ``least_orders`` orders."""
    orders = OrderTable.from_interactions(interactions)
    judged = orders.counts >= max(least_orders, 2)
    held = (orders.lags() == 0) & judged[orders.customers]
    of_entry = held[interactions.orders]
    places = orders.counts - 1
    known = interactions.kept(~of_entry)
    return _window(known, interactions, of_entry, places, places - judged)


def given_next(
    known: Interactions,
    known_places: NDArray[np.int64],
    customer_ids: ArrayLike,
    product_ids: ArrayLike,
    places: ArrayLike,
) -> Window:
    """Judge by next orders given as a table of their own: one entry per product.

    Parameters
    ----------
    known_places
        Number, or day, of each customer's latest known order; shape (n_customers,).
    customer_ids, product_ids, places
        Customer and product of each entry, and the number or day of its order; shape (m,) each.

    Raises
    ------
    DataError
        A customer or product is unknown, or a history reaches to the order to be predicted.
    """
    customers = known.customer_index(customer_ids)
    products = known.product_index(product_ids)
    if (customers < 0).any() or (products < 0).any():
        raise DataError(
            "The orders to be named hold customers or products without a history.",
            "Judge known customers only, and give products that nobody bought a code first.",
        )
    codes, first, rows = np.unique(customers, return_index=True, return_inverse=True)
    truth_places = np.asarray(places, dtype=np.int64)[first]
    return Window(
        known, codes, _ones(rows, products, codes.size, known), truth_places, known_places
    )


def time_split(interactions: Interactions, cutoff_day: int, horizon_days: int) -> Window:
    """Predict each customer's first order within the horizon from what is before the cutoff.

    Orders of one customer on the same day count as one. Customers without a purchase before the
    cutoff are not judged.
    """
    days, customers = interactions.days, interactions.customers
    before = days < cutoff_day
    known = np.bincount(customers[before], minlength=interactions.n_customers) > 0
    later = ~before & (days < cutoff_day + horizon_days) & known[customers]
    first = np.full(interactions.n_customers, np.iinfo(np.int64).max)
    np.minimum.at(first, customers[later], days[later])
    last = np.full(interactions.n_customers, np.iinfo(np.int64).min)
    np.maximum.at(last, customers[before], days[before])
    judged = later & (days == first[customers])
    return _window(interactions.kept(before, cutoff_day), interactions, judged, first, last)


def rolling(
    interactions: Interactions, cutoff_days: Sequence[int], horizon_days: int
) -> Iterator[Window]:
    """Yield a time split for each cutoff, in the order given."""
    for cutoff_day in cutoff_days:
        yield time_split(interactions, cutoff_day, horizon_days)


def past_windows(
    interactions: Interactions, horizon_days: int | None, number: int
) -> Iterator[Window]:
    """Yield windows one before the other, the latest first, each ending where the later one begins.

    Parameters
    ----------
    horizon_days
        As in :func:`time_split`, up to the day that the interactions end. None: last baskets.
    """
    known = interactions
    for _ in range(number):
        if horizon_days is None:
            window = last_basket(known)
        else:
            window = time_split(known, known.as_of_day - horizon_days, horizon_days)
        yield window
        known = window.known


def _window(
    known: Interactions,
    interactions: Interactions,
    judged: NDArray[np.bool_],
    truth_places: NDArray[np.int64],
    known_places: NDArray[np.int64],
) -> Window:
    customers, rows = np.unique(interactions.customers[judged], return_inverse=True)
    truth = _ones(rows, interactions.products[judged], customers.size, interactions)
    return Window(known, customers, truth, truth_places[customers], known_places)


def _ones(
    rows: NDArray[np.int64], products: NDArray[np.int64], n: int, interactions: Interactions
) -> Truth:
    """Return 1 for each product of each row, however often it is listed."""
    shape = (n, interactions.n_products)
    truth: Truth = sparse.csr_matrix((np.ones(rows.size), (rows, products)), shape=shape)
    truth.sum_duplicates()
    truth.data[:] = 1.0
    return truth
