"""One customer's profile: scores, their drivers, the vector and what they bought."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final

import orjson

from features.vocabulary import Columns as C
from models.bundle.schema import CUSTOMERS
from models.bundle.schema import BundleColumns as B
from serving.answers import Definition
from serving.catalogue import Catalogue
from serving.customers.answers import CustomerProfile, Purchased
from serving.customers.ordered_since import RecentBuyers, ordered_since
from serving.customers.rescored import Rescored
from serving.products.history import purchase_history
from serving.products.shoppers import Shopper

_MAX_PRODUCTS: Final = 50
_SHOWN: Final = frozenset(field.name for field in fields(CustomerProfile))
_SCORES: Final = tuple(CUSTOMERS.names)


def customer_profile(
    catalogue: Catalogue,
    recent: RecentBuyers,
    shopper: Shopper,
    customer_id: str,
    rescored: Rescored | None = None,
) -> CustomerProfile | None:
    """Return everything known of a customer; None for one who has no scores.

    Parameters
    ----------
    rescored
        Scores and vector made since the bundle, which replace the bundle's.
    """
    customer = catalogue.customers.position(customer_id)
    manifest = catalogue.manifest
    scores: dict[str, Any] = dict.fromkeys(_SCORES)
    vector: dict[str, float | str | None] = {}
    if customer is not None:
        scores = catalogue.customer_rows.row(customer)
    if rescored is not None:
        scores |= rescored.by_column
        vector = rescored.vector_by(catalogue.bundle.vectors.column_names[1:])
    elif customer is not None:
        vector = catalogue.vector_rows.row(customer)
        del vector[C.CUSTOMER_ID]
    else:
        return None
    drivers = scores.pop(B.DRIVERS)
    shown = {name: score for name, score in scores.items() if name in _SHOWN}
    return CustomerProfile(
        **shown | {C.CUSTOMER_ID: customer_id},
        model_version=manifest.version,
        as_of=manifest.as_of if rescored is None else rescored.as_of,
        scored_at=None if rescored is None else rescored.scored_at,
        drivers=orjson.loads(drivers) if drivers else [],
        ordered_since=ordered_since(recent, customer, shopper, rescored),
        vector=vector,
        history=_history(catalogue, customer, shopper),
        definition=Definition.of(manifest),
    )


def _history(catalogue: Catalogue, customer: int | None, shopper: Shopper) -> list[Purchased]:
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
        for product, bought in latest[:_MAX_PRODUCTS]
    ]
