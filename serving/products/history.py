"""What a customer bought: the bundle's record and the purchases that came in since."""

from __future__ import annotations

from datetime import date
from typing import Final, NamedTuple

from models.bundle.schema import BundleColumns as B
from serving.catalogue import Catalogue
from serving.products.shoppers import Shopper, date_of

_COLUMNS: Final = (B.TIMES, B.LAST_DAY, B.USUAL_GAP_DAYS)


class Bought(NamedTuple):
    """How many orders held a product, and the day of the last, counted from 1970-01-01.

    ``usual_gap_days`` is the customer's median number of days between purchases of it; 0 where not
    known.
    """

    times: int
    last_day: int
    usual_gap_days: float = 0.0

    @property
    def last_on(self) -> date:
        """The date of the last order."""
        return date_of(self.last_day)


def purchase_history(
    catalogue: Catalogue, customer: int | None, shopper: Shopper
) -> dict[int, Bought]:
    """Return what the customer bought, by product position.

    The shopper's purchases are those that the bundle cannot hold: none counts twice.
    """
    history: dict[int, Bought] = {}
    if customer is not None:
        bought = catalogue.bundle.bought
        span = bought.span(customer)
        columns = (bought.values[name][span].tolist() for name in _COLUMNS)
        history = dict(zip(bought.indices[span].tolist(), map(Bought, *columns), strict=True))
    for product_id, orders in shopper.purchases.items():
        product = catalogue.products.position(product_id)
        if product is not None:
            before = history.get(product, _NEVER)
            last_day = max(before.last_day, *orders.values())
            times = before.times + len(orders)
            history[product] = Bought(times, last_day, before.usual_gap_days)
    return history


_NEVER: Final = Bought(0, 0)
