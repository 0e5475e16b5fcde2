"""Cross-sell: what goes with the items of a cart, a visit or a product page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from features.vocabulary import Columns as C
from models.bundle.schema import BundleColumns as B
from models.bundle.sparse_rows import SparseRows
from serving.catalogue import Catalogue, Indices
from serving.products.eligibility import not_among
from serving.products.ranking import Scored, combine

_NO_PRODUCTS: Final[Indices] = np.empty(0, np.int32)
_NO_SCORES: Final = np.empty(0, np.float32)


class Together(NamedTuple):
    """An item, and the share of its baskets that hold a product."""

    item: int
    share: float


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The rows of the cross-sell matrix of some items.

    Parameters
    ----------
    matrix
        The bundle's cross-sell rows: the products that complete a basket with an item, their
        scores, and the share of the item's baskets that held each. The share is 0 where a product
        was in none but goes with products described like the item.
    items
        Positions, each once.
    substitutes
        Products that replace one of the items.
    """

    matrix: SparseRows
    items: Sequence[int]
    substitutes: Indices

    def scored(self) -> Scored:
        """Return each product once, with the sum of its scores over all items.

        Substitutes are left out: what replaces an item does not complete the cart.
        """
        spans = [self.matrix.span(item) for item in self.items]
        rows = [self.matrix.indices[span] for span in spans]
        values = [self.matrix.values[C.SCORE][span] for span in spans]
        if len(rows) == 1:
            products, scores = rows[0], values[0].astype(np.float64)
        else:
            products, scores = combine(
                np.concatenate([_NO_PRODUCTS, *rows]), np.concatenate([_NO_SCORES, *values])
            )
        if len(self.substitutes):
            kept = not_among(products, set(self.substitutes.tolist()))
            products, scores = products[kept], scores[kept]
        return Scored(products, scores, "together")

    def strongest(self, products: Sequence[int]) -> dict[int, Together]:
        """Return for each product the item whose baskets held it most often, by product."""
        support = self.matrix.values[B.SUPPORT]
        found: dict[int, Together] = {}
        for item in self.items:
            for product, place in self.matrix.places(item, products):
                share = support.item(place)
                if product not in found or share > found[product].share:
                    found[product] = Together(item, share)
        return found


def neighbours_of(catalogue: Catalogue, items: Sequence[int]) -> Neighbours:
    """Look up what goes with each of the items, and what replaces one."""
    instead = catalogue.bundle.substitutes
    substitutes = [instead.indices[instead.span(item)] for item in items]
    return Neighbours(
        catalogue.bundle.cross_sell, items, np.concatenate([_NO_PRODUCTS, *substitutes])
    )
