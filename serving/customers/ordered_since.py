"""Orders that came after the scores were made: who has any, and what they say of churn.

The server holds no model: another process scores customers again, within a minute, where one
runs (:mod:`serving.customers.rescored`). What the server can say at once is what the bundle says
of their peers: customers with as many orders who had ordered just as lately when it was made.
Their mean score is calibrated as the scores are; it is shown beside the customer's own score,
which is of ``as_of``, and never in its place.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from models.bundle_schema import BundleColumns as B
from serving.catalogue import Catalogue
from serving.columns import floats
from serving.customers.rescored import Rescored
from serving.products.history import Bought
from serving.products.shoppers import Shopper

# Customers with 1, 2, 3-4, 5-9, 10-19, ... orders are peers.
_FIRST_OF_GROUP: Final = np.array([1, 2, 3, 5, 10, 20, 50])
# Who ordered so many days before as_of; the next span where the first has too few.
_SPANS_DAYS: Final = (7, 14, 30)
_FEWEST_PEERS: Final = 30
_AT_A_TIME: Final = 65_536


@dataclass(frozen=True, slots=True)
class OrderedSince:
    """Orders that the scores know nothing of yet, and what they may mean."""

    orders: Annotated[int, Field(description="Received after the scores were made.")]
    last_on: date
    peers_churn_probability: Annotated[
        float | None,
        Field(
            description="Mean score of customers with as many orders who had just ordered at "
            "as_of; null where too few had. Not this customer's own score."
        ),
    ]
    peers: Annotated[int, Field(description="How many customers that is the mean of.")]


class RecentBuyers:
    """Mean churn probability of customers who had just ordered, by how many orders they had."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._orders = catalogue.bundle.customers.column(B.ORDERS)
        churn, days, orders = _lately(catalogue)
        self._groups = [_means(_group(orders), churn, days <= span) for span in _SPANS_DAYS]

    def churn_probability(self, customer: int | None, new_orders: int) -> tuple[float | None, int]:
        """Return the mean score of the peers that a customer has now, and how many they are.

        None where too few had just ordered to speak for anyone.

        Parameters
        ----------
        customer
            None for one whom the bundle does not know.
        new_orders
            Received after the bundle was made.
        """
        before = None if customer is None else self._orders[customer].as_py()
        group = int(_group(np.array([new_orders + (before or 0.0)]))[0])
        for means, sizes in self._groups:
            if sizes[group] >= _FEWEST_PEERS:
                return float(means[group]), int(sizes[group])
        return None, 0


def ordered_since(
    recent: RecentBuyers, customer: int | None, shopper: Shopper, rescored: Rescored | None = None
) -> OrderedSince | None:
    """Return what is known of a customer's orders that the scores do not count; None without.

    Parameters
    ----------
    rescored
        Scores made since the bundle; without them those of the bundle are meant.
    """
    since_bundle, last_day = news_of(shopper)
    orders = since_bundle
    if rescored is not None:
        orders, last_day = news_of(shopper, rescored.counted)
    if not orders:
        return None
    churn, peers = recent.churn_probability(customer, since_bundle)
    return OrderedSince(orders, Bought(orders, last_day).last_on, churn, peers)


def news_of(shopper: Shopper, counted: Collection[str] = ()) -> tuple[int, int]:
    """Return how many orders the bundle does not hold, and the last one's day since 1970-01-01.

    Parameters
    ----------
    counted
        Orders to leave out.
    """
    days = {order: day for orders in shopper.purchases.values() for order, day in orders.items()}
    new = [day for order, day in days.items() if order not in counted]
    return len(new), max(new, default=0)


def _lately(catalogue: Catalogue) -> NDArray[np.float64]:
    """Return churn probability, days since the last order and orders of who ordered lately.

    A stretch of customers at a time: whole columns of numbers would be memory that stays taken.
    """
    table, found = catalogue.bundle.customers, [np.empty((3, 0))]
    for start in range(0, table.num_rows, _AT_A_TIME):
        stretch = slice(start, start + _AT_A_TIME)
        churn = catalogue.churn_probability[stretch]
        days, orders = (
            floats(table.column(name).slice(start, _AT_A_TIME))
            for name in (B.DAYS_SINCE_LAST_ORDER, B.ORDERS)
        )
        lately = ~np.isnan(churn) & (days <= max(_SPANS_DAYS)) & (orders >= 1)
        found.append(np.stack([churn, days, orders])[:, lately])
    return np.concatenate(found, axis=1)


def _group(orders: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.searchsorted(_FIRST_OF_GROUP, orders, side="right") - 1


def _means(
    groups: NDArray[np.int64], churn: NDArray[np.float64], just_ordered: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    count = len(_FIRST_OF_GROUP)
    sizes = np.bincount(groups[just_ordered], minlength=count)
    sums = np.bincount(groups[just_ordered], churn[just_ordered], minlength=count)
    return sums / np.maximum(sizes, 1), sizes
