"""One customer as the retention desk sees them."""

from __future__ import annotations

from typing import Any, Final

import orjson

from features.vocabulary import Columns as C
from models.bundle_schema import BundleColumns as B
from serving.answers import CustomerProfile, Definition, Purchased
from serving.catalogue import Catalogue
from serving.history import purchase_history
from serving.shoppers import Shopper

_HISTORY: Final = 50


def customer_profile(
    catalogue: Catalogue, shopper: Shopper, customer_id: str
) -> CustomerProfile | None:
    """Return everything known of a customer, or None for one that the bundle does not know."""
    customer = catalogue.customers.position(customer_id)
    if customer is None:
        return None
    manifest = catalogue.manifest
    scores = _row(catalogue.bundle.customers, customer)
    vector = _row(catalogue.bundle.vectors, customer)
    del vector[C.CUSTOMER_ID]
    drivers = scores.pop(B.DRIVERS)
    return CustomerProfile(
        **scores,
        model_version=manifest.version,
        as_of=manifest.as_of,
        drivers=orjson.loads(drivers) if drivers else [],
        vector=vector,
        history=_history(catalogue, customer, shopper),
        definition=Definition.of(manifest),
    )


def _history(catalogue: Catalogue, customer: int, shopper: Shopper) -> list[Purchased]:
    history = purchase_history(catalogue, customer, shopper)
    # Last bought first, then most often, then by id.
    latest = sorted(
        history.items(),
        key=lambda entry: (-entry[1].last_day, -entry[1].times, entry[0]),
    )
    return [
        Purchased(
            catalogue.product_ids[product],
            catalogue.names[product],
            bought.times,
            bought.last_on,
        )
        for product, bought in latest[:_HISTORY]
    ]


def _row(table: Any, position: int) -> dict[str, Any]:
    row: dict[str, Any] = table.slice(position, 1).to_pylist()[0]
    return row
