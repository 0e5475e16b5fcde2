"""What a customer bought: the bundle's record, and purchases seen since."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final, NamedTuple

from models.bundle_schema import BundleColumns as B
from serving.catalogue import Catalogue
from serving.products.shoppers import Shopper

_EPOCH: Final = date(1970, 1, 1)


class Bought(NamedTuple):
    """How many orders held the product, and the day of the last, counted from 1970-01-01.

    ``usual_gap_days`` is the customer's own median between purchases; 0 where not known.
    """

    times: int
    last_day: int
    usual_gap_days: float = 0.0

    @property
    def last_on(self) -> date:
        """The day of the last."""
        return _EPOCH + timedelta(days=self.last_day)


def purchase_history(
    catalogue: Catalogue, customer: int | None, shopper: Shopper
) -> dict[int, Bought]:
    """Return what the customer bought, by product position.

    The shopper's live purchases are those that the bundle may not hold; see :class:`Shopper`.
    """
    history: dict[int, Bought] = {}
    if customer is not None:
        bought = catalogue.bundle.bought
        span = bought.span(customer)
        columns = (bought.values[name][span].tolist() for name in _KEPT)
        history = dict(zip(bought.indices[span].tolist(), map(Bought, *columns), strict=True))
    for product_id, orders in shopper.purchases.items():
        product = catalogue.products.position(product_id)
        if product is not None:
            before = history.get(product, _NEVER)
            last_day = max(before.last_day, *orders.values())
            times = before.times + len(orders)
            history[product] = Bought(times, last_day, before.usual_gap_days)
    return history


_KEPT: Final = (B.TIMES, B.LAST_DAY, B.USUAL_GAP_DAYS)
_NEVER: Final = Bought(0, 0)
