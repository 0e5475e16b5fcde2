"""What is bought together with the items of a cart, a visit or a product page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.vocabulary import Columns as C
from models.bundle_schema import BundleColumns as B
from serving.catalogue import Catalogue, Indices
from serving.ranking import Scored, combine


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Entries of the cross-sell matrix for some items, one after another.

    Parameters
    ----------
    items, products
        Positions: ``products[k]`` is bought together with ``items[k]``.
    scores
        Strength of each pair.
    support
        Share of the item's baskets that hold the product.
    """

    items: Indices
    products: Indices
    scores: NDArray[np.float32]
    support: NDArray[np.float32]

    def scored(self) -> Scored:
        """Return each product once, with its scores over all items added up."""
        products, scores = combine(self.products, self.scores)
        return Scored(products, scores, "together")

    def strongest(self, product: int) -> tuple[int, float] | None:
        """Return the item whose baskets hold the product most often, and that share."""
        entries = np.flatnonzero((self.products == product) & (self.support > 0))
        if not len(entries):
            return None
        best = entries[np.argmax(self.support[entries])]
        return int(self.items[best]), float(self.support[best])


def neighbours_of(catalogue: Catalogue, items: Sequence[int]) -> Neighbours:
    """Look up what is bought together with each of the items."""
    matrix = catalogue.bundle.cross_sell
    spans = [matrix.span(item) for item in items]

    def gather(array: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.concatenate([array[:0], *(array[span] for span in spans)])

    products = np.concatenate([matrix.indices[:0], *(matrix.indices[span] for span in spans)])
    lengths = [span.stop - span.start for span in spans]
    return Neighbours(
        items=np.repeat(np.array(items, dtype=np.int32), lengths),
        products=products,
        scores=gather(matrix.values[C.SCORE]),
        support=gather(matrix.values[B.SUPPORT]),
    )
