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
    """How many orders held the product, and the day of the last."""

    times: int
    last_on: date


def purchase_history(
    catalogue: Catalogue, customer: int | None, shopper: Shopper
) -> dict[int, Bought]:
    """Return what the customer bought, by product position.

    The shopper's live purchases are those that the bundle may not hold; see :class:`Shopper`.
    """
    days: dict[int, tuple[int, int]] = {}
    if customer is not None:
        bought = catalogue.bundle.bought
        span = bought.span(customer)
        days = dict(
            zip(
                bought.indices[span].tolist(),
                zip(
                    bought.values[B.TIMES][span].tolist(),
                    bought.values[B.LAST_DAY][span].tolist(),
                    strict=True,
                ),
                strict=True,
            )
        )
    for product_id, orders in shopper.purchases.items():
        product = catalogue.products.position(product_id)
        if product is not None:
            times, last_day = days.get(product, (0, 0))
            days[product] = (times + len(orders), max(last_day, *orders.values()))
    return {
        product: Bought(times, _EPOCH + timedelta(days=last_day))
        for product, (times, last_day) in days.items()
    }
