"""What is bought together with the items of a cart, a visit or a product page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.vocabulary import Columns as C
from models.bundle_schema import BundleColumns as B
from serving.catalogue import Catalogue, Indices
from serving.ranking import Scored, combine


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The rows of the cross-sell matrix of some items.

    Parameters
    ----------
    items
        Positions, each once.
    products, scores
        For each item: what is bought together with it, best first, and how strongly.
    support
        For each item: the share of its baskets that hold a product, by product.
    """

    items: Sequence[int]
    products: Sequence[Indices]
    scores: Sequence[NDArray[np.float32]]
    support: Sequence[Mapping[int, float]]

    def scored(self) -> Scored:
        """Return each product once, with its scores over all items added up."""
        if len(self.items) == 1:
            return Scored(self.products[0], self.scores[0].astype(np.float64), "together")
        none = np.empty(0, np.int32), np.empty(0, np.float32)
        products = np.concatenate([none[0], *self.products])
        scores = np.concatenate([none[1], *self.scores])
        return Scored(*combine(products, scores), "together")

    def strongest(self, product: int) -> tuple[int, float] | None:
        """Return the item whose baskets hold the product most often, and that share."""
        found: tuple[int, float] | None = None
        for item, support in zip(self.items, self.support, strict=True):
            share = support.get(product, 0.0)
            if share > (found[1] if found else 0.0):
                found = item, share
        return found


def neighbours_of(catalogue: Catalogue, items: Sequence[int]) -> Neighbours:
    """Look up what is bought together with each of the items."""
    matrix = catalogue.bundle.cross_sell
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
    )
