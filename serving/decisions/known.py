"""What reasons need to know of a customer, for the few products of an answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from models.bundle_schema import BundleColumns as B
from serving.answers import Source
from serving.catalogue import Catalogue
from serving.products.history import Bought, purchase_history
from serving.products.reasons import Told, accounts_of
from serving.products.shoppers import Shopper


def known_of(
    catalogue: Catalogue,
    customer: int | None,
    shopper: Shopper,
    products: Sequence[int],
    source: Source,
) -> Told:
    """Return what the reasons of some products are read from.

    Of personal candidates nothing else is asked for, and rows are not read whole.
    """
    if customer is None or source != "personal" or shopper.purchases:
        accounts = accounts_of(catalogue, customer, products) if source == "personal" else {}
        return Told(purchase_history(catalogue, customer, shopper), accounts)
    bought = catalogue.bundle.bought
    columns = [bought.values[name] for name in _OF_HISTORY]
    history = {
        product: Bought(*(column.item(place) for column in columns))
        for product, place in bought.places(customer, products)
    }
    return Told(history, accounts_of(catalogue, customer, products))


_OF_HISTORY: Final = (B.TIMES, B.LAST_DAY, B.USUAL_GAP_DAYS)
