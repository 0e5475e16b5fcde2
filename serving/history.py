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

    Live purchases count from ``as_of`` on: the bundle already holds the earlier ones.
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
    as_of_day = (catalogue.manifest.as_of - _EPOCH).days
    for product_id, orders in shopper.purchases.items():
        product = catalogue.products.position(product_id)
        fresh = [day for day in orders.values() if day >= as_of_day]
        if product is not None and fresh:
            times, last_day = days.get(product, (0, 0))
            days[product] = (times + len(fresh), max(last_day, *fresh))
    return {
        product: Bought(times, _EPOCH + timedelta(days=last_day))
        for product, (times, last_day) in days.items()
    }
