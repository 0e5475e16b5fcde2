"""Cross-sell: what goes with the items of a cart, a visit or a product page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from features.vocabulary import Columns as C
from models.bundle.schema import BundleColumns as B
from models.recommend.live import gathered
from serving.catalogue import Catalogue, Indices
from serving.products.ranking import Scored

_NO_PRODUCTS: Final[Indices] = np.empty(0, np.int32)


class Together(NamedTuple):
    """An item, and the share of its baskets that hold a product."""

    item: int
    share: float


def substitutes_of(catalogue: Catalogue, items: Sequence[int]) -> Indices:
    """Return the products that replace one of the items."""
    matrix = catalogue.bundle.substitutes
    return np.concatenate([_NO_PRODUCTS, *[matrix.indices[matrix.span(item)] for item in items]])


def completing(catalogue: Catalogue, items: Sequence[int], substitutes: Indices) -> Scored:
    """Return what completes a basket with any of the items, with the sum of its scores over all.

    Substitutes are left out: what replaces an item does not complete the cart.
    """
    matrix = catalogue.bundle.cross_sell
    indices, values = matrix.indices, matrix.values[C.SCORE]
    spans = [matrix.span(item) for item in items]
    # Whatever the rows say of a substitute, its sum is minus infinity.
    never = np.full(len(substitutes), -np.inf)
    products, scores = gathered(
        np.concatenate([substitutes, *[indices[span] for span in spans]]),
        np.concatenate([never, *[values[span] for span in spans]]),
    )
    if len(never):
        kept = scores > -np.inf
        products, scores = products[kept], scores[kept]
    return Scored(products, scores, "together")


def held_together(
    catalogue: Catalogue, items: Sequence[int], products: Sequence[int]
) -> dict[int, Together]:
    """Return for each product the item whose baskets held it most often, by product.

    The share is 0 where no basket held both, but the product goes with others described like the
    item; products in no item's row are left out.
    """
    matrix = catalogue.bundle.cross_sell
    support = matrix.values[B.SUPPORT]
    found: dict[int, Together] = {}
    for item in items:
        for product, place in matrix.places(item, products):
            share = support.item(place)
            if product not in found or share > found[product].share:
                found[product] = Together(item, share)
    return found
