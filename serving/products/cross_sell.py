"""What goes with the items of a cart, a visit or a product page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.vocabulary import Columns as C
from models.bundle_schema import BundleColumns as B
from serving.catalogue import Catalogue, Indices
from serving.products.eligibility import not_among
from serving.products.ranking import Scored, combine


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The rows of the cross-sell matrix of some items.

    Parameters
    ----------
    items
        Positions, each once.
    products, scores
        For each item: what completes a basket that holds it, best first, and how strongly.
    support
        For each item: the share of its baskets that hold a product, by product; 0 where a
        product was never met in a basket, but goes with products described like the item.
    substitutes
        Products that replace one of the items.
    """

    items: Sequence[int]
    products: Sequence[Indices]
    scores: Sequence[NDArray[np.float32]]
    support: Sequence[Mapping[int, float]]
    substitutes: Indices

    def scored(self) -> Scored:
        """Return each product once, with its scores over all items added up.

        What replaces an item of the cart does not complete it, whatever else it goes with.
        """
        if len(self.items) == 1:
            products, scores = self.products[0], self.scores[0].astype(np.float64)
        else:
            none = np.empty(0, np.int32), np.empty(0, np.float32)
            products, scores = combine(
                np.concatenate([none[0], *self.products]), np.concatenate([none[1], *self.scores])
            )
        if len(self.substitutes):
            kept = not_among(products, set(self.substitutes.tolist()))
            products, scores = products[kept], scores[kept]
        return Scored(products, scores, "together")

    def strongest(self, product: int) -> tuple[int, float] | None:
        """Return the item whose baskets hold the product most often, and that share.

        The share is 0 where only products like the item go with it; None where nothing does.
        """
        found: tuple[int, float] | None = None
        for item, support in zip(self.items, self.support, strict=True):
            share = support.get(product)
            if share is not None and (found is None or share > found[1]):
                found = item, share
        return found


def neighbours_of(catalogue: Catalogue, items: Sequence[int]) -> Neighbours:
    """Look up what goes with each of the items, and what replaces one."""
    matrix, instead = catalogue.bundle.cross_sell, catalogue.bundle.substitutes
    spans = [matrix.span(item) for item in items]
    products = [matrix.indices[span] for span in spans]
    shares = [matrix.values[B.SUPPORT][span].tolist() for span in spans]
    return Neighbours(
        items=items,
        products=products,
        scores=[matrix.values[C.SCORE][span] for span in spans],
        support=[
            dict(zip(p.tolist(), s, strict=True)) for p, s in zip(products, shares, strict=True)
        ],
        substitutes=np.concatenate(
            [np.empty(0, np.int32), *(instead.indices[instead.span(item)] for item in items)]
        ),
    )
