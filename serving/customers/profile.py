"""One customer as the retention desk sees them."""

from __future__ import annotations

from dataclasses import fields
from typing import Final

import orjson

from features.vocabulary import Columns as C
from models.bundle_schema import BundleColumns as B
from serving.answers import Definition
from serving.catalogue import Catalogue
from serving.customers.ordered_since import RecentBuyers, ordered_since
from serving.desk_answers import CustomerProfile, Purchased
from serving.products.history import purchase_history
from serving.products.shoppers import Shopper

_HISTORY: Final = 50
_SHOWN: Final = frozenset(field.name for field in fields(CustomerProfile))


def customer_profile(
    catalogue: Catalogue, recent: RecentBuyers, shopper: Shopper, customer_id: str
) -> CustomerProfile | None:
    """Return everything known of a customer, or None for one that the bundle does not know."""
    customer = catalogue.customers.position(customer_id)
    if customer is None:
        return None
    manifest = catalogue.manifest
    scores = catalogue.customer_rows.row(customer)
    vector = catalogue.vector_rows.row(customer)
    del vector[C.CUSTOMER_ID]
    drivers = scores.pop(B.DRIVERS)
    return CustomerProfile(
        **{name: score for name, score in scores.items() if name in _SHOWN},
        model_version=manifest.version,
        as_of=manifest.as_of,
        drivers=orjson.loads(drivers) if drivers else [],
        ordered_since=ordered_since(recent, customer, shopper),
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
