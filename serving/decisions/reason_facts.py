"""What the reasons for a decision's products are made from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from models.bundle.schema import BundleColumns as B
from serving.answers import Source
from serving.catalogue import Catalogue
from serving.products.history import Bought, purchase_history
from serving.products.reasons import ReasonFacts, explaining_purchases
from serving.products.shoppers import Shopper


def facts_about(
    catalogue: Catalogue,
    customer: int | None,
    shopper: Shopper,
    products: Sequence[int],
    source: Source,
) -> ReasonFacts:
    """Look up the facts about a few products, without reading a customer's rows as a whole.

    Parameters
    ----------
    customer
        Position in the bundle; None for somebody unknown.
    products
        Positions of the products shown.
    source
        Where they come from; only personal candidates are explained by purchases.
    """
    if customer is None or source != "personal" or shopper.purchases:
        because = (
            explaining_purchases(catalogue, customer, products) if source == "personal" else {}
        )
        return ReasonFacts(purchase_history(catalogue, customer, shopper), because)
    bought = catalogue.bundle.bought
    columns = [bought.values[name] for name in _OF_HISTORY]
    history = {
        product: Bought(*(column.item(place) for column in columns))
        for product, place in bought.places(customer, products)
    }
    return ReasonFacts(history, explaining_purchases(catalogue, customer, products))


_OF_HISTORY: Final = (B.TIMES, B.LAST_DAY, B.USUAL_GAP_DAYS)
