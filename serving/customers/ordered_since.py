"""Orders received after the scores were made, and the churn scores of peers.

The server holds no model; a separate process, where one runs, scores customers again within a
minute (:mod:`serving.customers.rescored`). Until then the server can show the scores of peers:
customers of the bundle with as many orders who had just ordered when it was made. Their mean is
calibrated as the scores are. It is shown beside the customer's own score, never in its place.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from models.bundle.schema import BundleColumns as B
from serving.catalogue import Catalogue
from serving.customers.rescored import Rescored
from serving.lookups.columns import floats
from serving.products.shoppers import Shopper, date_of

# Customers with 1, 2, 3-4, 5-9, 10-19, ... orders are peers.
_FIRST_OF_GROUP: Final = np.array([1, 2, 3, 5, 10, 20, 50])
# Peers ordered within so many days before as_of; a longer span where a shorter has too few.
_SPANS_DAYS: Final = (7, 14, 30)
_FEWEST_PEERS: Final = 30
_BLOCK_CUSTOMERS: Final = 65_536


@dataclass(frozen=True, slots=True)
class OrderedSince:
    """Orders that the scores do not count yet, and the churn score of peers."""

    orders: Annotated[int, Field(description="Received after the scores were made.")]
    last_on: date
    peers_churn_probability: Annotated[
        float | None,
        Field(
            description="Mean score of customers with as many orders who had just ordered at "
            "as_of; null where too few had. Not this customer's own score."
        ),
    ]
    peers: Annotated[int, Field(description="How many customers the mean is over.")]


class RecentBuyers:
    """Mean churn probability of customers who had just ordered, by how many orders they had."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._orders = catalogue.bundle.customers.column(B.ORDERS)
        churn, days, orders = _recent_buyers(catalogue)
        self._groups = [_means(_group(orders), churn, days <= span) for span in _SPANS_DAYS]

    def churn_probability(self, customer: int | None, new_orders: int) -> tuple[float | None, int]:
        """Return the mean score of a customer's peers after new orders, and how many they are.

        The mean is None where too few customers had just ordered.

        Parameters
        ----------
        customer
            Position in the bundle; None for somebody unknown.
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
    """Describe a customer's orders that the scores do not count; None where there are none.

    Parameters
    ----------
    rescored
        Scores made since the bundle; None where the bundle's are shown.
    """
    since_bundle, last_day = new_orders(shopper)
    orders = since_bundle
    if rescored is not None:
        orders, last_day = new_orders(shopper, rescored.counted)
    if not orders:
        return None
    churn, peers = recent.churn_probability(customer, since_bundle)
    return OrderedSince(orders, date_of(last_day), churn, peers)


def new_orders(shopper: Shopper, counted: Collection[str] = ()) -> tuple[int, int]:
    """Return how many orders the bundle does not hold, and the day of the last from 1970-01-01.

    Parameters
    ----------
    counted
        Orders to leave out.
    """
    # Copied at once: the CSV is written in a thread, while the shopper may order again.
    purchases = list(shopper.purchases.values())
    days = {order: day for orders in purchases for order, day in orders.copy().items()}
    new = [day for order, day in days.items() if order not in counted]
    return len(new), max(new, default=0)


def _recent_buyers(catalogue: Catalogue) -> NDArray[np.float64]:
    """Return churn probability, days since the last order and orders of recent buyers; (3, n).

    By blocks of customers, so that no whole column is held in memory.
    """
    table, found = catalogue.bundle.customers, [np.empty((3, 0))]
    for start in range(0, table.num_rows, _BLOCK_CUSTOMERS):
        stretch = slice(start, start + _BLOCK_CUSTOMERS)
        churn = catalogue.churn_probability[stretch]
        days, orders = (
            floats(table.column(name).slice(start, _BLOCK_CUSTOMERS))
            for name in (B.DAYS_SINCE_LAST_ORDER, B.ORDERS)
        )
        recent = ~np.isnan(churn) & (days <= max(_SPANS_DAYS)) & (orders >= 1)
        found.append(np.stack([churn, days, orders])[:, recent])
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
