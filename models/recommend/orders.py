"""The sequence of each customer's orders, and what it says about each product bought in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from models.recommend.interactions import Interactions

Numbers = NDArray[np.int64]
Floats = NDArray[np.float64]

SLOW_FADE: Final = 0.9
FAST_FADE: Final = 0.6
"""By which factor an order's weight falls with each later order: long and short memory."""


@dataclass(frozen=True, eq=False)
class OrderTable:
    """One row per order, in the order of codes.

    Attributes
    ----------
    customers, days, sizes
        Whose it is, when it was, and how many products it holds; shape (n_orders,).
    numbers
        Place in the customer's sequence, 0 for the first; by day, then by order id.
    counts, last_days
        Orders of each customer, and the day of the latest; shape (n_customers,). A customer
        without orders has a count of 0 and the day before the cutoff.
    """

    customers: Numbers
    days: Numbers
    sizes: Numbers
    numbers: Numbers
    counts: Numbers
    last_days: Numbers

    @classmethod
    def from_interactions(cls, interactions: Interactions) -> Self:
        """Put every customer's orders in sequence."""
        codes, first, sizes = np.unique(interactions.orders, return_index=True, return_counts=True)
        customers = interactions.customers[first]
        days = np.full(codes.size, np.iinfo(np.int64).min)
        np.maximum.at(days, interactions.orders, interactions.days)
        counts = np.bincount(customers, minlength=interactions.n_customers).astype(np.int64)
        starts = np.concatenate(([0], np.cumsum(counts)))
        sequence = np.lexsort((codes, days, customers))
        numbers = np.empty(codes.size, dtype=np.int64)
        numbers[sequence] = np.arange(codes.size) - starts[customers[sequence]]
        last_days = np.full(interactions.n_customers, np.iinfo(np.int64).min)
        np.maximum.at(last_days, customers, days)
        last_days[counts == 0] = interactions.as_of_day - 1
        return cls(customers, days, sizes.astype(np.int64), numbers, counts, last_days)

    def lags(self) -> Numbers:
        """Orders that the customer has made since each order: 0 for the latest."""
        return np.asarray(self.counts[self.customers] - 1 - self.numbers)


@dataclass(frozen=True, eq=False)
class PairTable:
    """One row per customer and product bought, sorted by both.

    Attributes
    ----------
    keys
        ``customer * n_products + product``, ascending; shape (n_pairs,).
    times
        Orders of the customer that contain the product.
    first_lag, last_lag
        Orders that the customer has made since the first and since the latest of them.
    last_gap
        Orders from the last but one to the latest of them; 0 where bought once.
    first_day, last_day
        Days of the first and the latest.
    slow, fast
        Orders that contain the product, faded by ``SLOW_FADE`` and ``FAST_FADE`` per order since.
    """

    keys: Numbers
    times: Numbers
    first_lag: Numbers
    last_lag: Numbers
    last_gap: Numbers
    first_day: Numbers
    last_day: Numbers
    slow: Floats
    fast: Floats

    @classmethod
    def from_interactions(cls, interactions: Interactions, orders: OrderTable) -> Self:
        """Summarise every customer's purchases of every product."""
        lags = orders.lags()[interactions.orders]
        keys = interactions.customers * interactions.n_products + interactions.products
        by_age = np.lexsort((-lags, keys))
        keys, lags, days = keys[by_age], lags[by_age], interactions.days[by_age]
        first = np.flatnonzero(np.diff(keys, prepend=-1))
        times = np.diff(first, append=keys.size)
        last = first + times - 1
        before = np.maximum(last - 1, first)
        return cls(
            keys=keys[first],
            times=times,
            first_lag=lags[first],
            last_lag=lags[last],
            last_gap=lags[before] - lags[last],
            first_day=days[first],
            last_day=days[last],
            slow=_sums(SLOW_FADE**lags, first),
            fast=_sums(FAST_FADE**lags, first),
        )

    def places(self, keys: Numbers) -> tuple[Numbers, NDArray[np.bool_]]:
        """Return the row of each key, and whether there is one; absent keys have row 0."""
        if self.keys.size == 0:
            return np.zeros(keys.shape, dtype=np.int64), np.zeros(keys.shape, dtype=np.bool_)
        rows = np.minimum(np.searchsorted(self.keys, keys), self.keys.size - 1)
        present = self.keys[rows] == keys
        return np.where(present, rows, 0), present


def _sums(values: NDArray[np.floating[Any]], starts: Numbers) -> Floats:
    if starts.size == 0:
        return np.zeros(0)
    return np.asarray(np.add.reduceat(values, starts), dtype=np.float64)
