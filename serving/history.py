"""What a customer bought: the bundle's record, and purchases seen since."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from models.bundle_schema import BundleColumns as B
from serving.catalogue import Catalogue
from serving.shoppers import Shopper

_EPOCH: Final = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Bought:
    """How many orders held the product, and the day of the last, counted from 1970-01-01."""

    times: int
    last_day: int

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
        times, last_days = bought.values[B.TIMES][span], bought.values[B.LAST_DAY][span]
        records = map(Bought, times.tolist(), last_days.tolist())
        history = dict(zip(bought.indices[span].tolist(), records, strict=True))
    for product_id, orders in shopper.purchases.items():
        product = catalogue.products.position(product_id)
        if product is not None:
            before = history.get(product, Bought(0, 0))
            last_day = max(before.last_day, *orders.values())
            history[product] = Bought(before.times + len(orders), last_day)
    return history
