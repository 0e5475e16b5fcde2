"""What a fresh look at a product speaks for: what its buyers buy, or what is described alike."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy import sparse

from models.recommend.content import Content
from models.recommend.ease import Ease
from models.recommend.interactions import Interactions
from models.recommend.matrices import Candidates, row_numbers
from models.recommend.topk import tie_order, top_per_row

_DOUBT: Final = 10.0
"""Buyers that a product needs before its purchases say as much as its description."""

_DESCRIBED: Final = 0.5
"""Say of a likeness of descriptions beside one of buyers: the proven come first."""


def similar_products(interactions: Interactions, content: Content, neighbours: int) -> Candidates:
    """Return the products that a look at each product speaks for, itself excluded.

    EASE over customers where both products have buyers, and the likeness of descriptions where
    one has few: a new product has no neighbours among purchases, but it has a name. The former
    count by ``buyers / (10 + buyers)`` of the rarer product, the latter by half of the rest.

    Parameters
    ----------
    interactions
        Purchases among the products of the whole catalogue.
    content
        Fitted on the same products.

    Returns
    -------
    csr_matrix, shape (n_products, n_products)
    """
    buyers = np.diff(sparse.csc_matrix(interactions.customer_matrix()).indptr)
    everything = np.arange(interactions.n_products)
    bought = Ease(neighbours=neighbours, max_products=5_000).fit(interactions).weights_
    described = _union(
        content.similar(everything, neighbours),
        # Old products are many and described alike, too: the new must not drown among them.
        content.similar(everything, neighbours, among=np.flatnonzero(buyers < _DOUBT)),
    )
    parts = []
    for rows, is_described in ((bought, False), (described, True)):
        rarer = np.minimum(buyers[row_numbers(rows)], buyers[rows.indices])
        doubt = _DOUBT / (_DOUBT + rarer)
        say = _DESCRIBED * doubt if is_described else 1 - doubt
        loudness = say / max(_mean_largest(rows), 1e-9)
        scores = (rows.data * loudness).astype(np.float32)
        parts.append(sparse.csr_matrix((scores, rows.indices, rows.indptr), shape=rows.shape))
    return top_per_row(
        sparse.csr_matrix(parts[0] + parts[1]), neighbours, tie_order(interactions.popularity())
    )


def _union(left: Candidates, right: Candidates) -> Candidates:
    return sparse.csr_matrix(left.maximum(right))


def _mean_largest(matrix: Candidates) -> float:
    """Mean over the rows that hold anything of the largest entry."""
    present = np.diff(matrix.indptr) > 0
    if not present.any():
        return 0.0
    return float(np.maximum.reduceat(matrix.data, matrix.indptr[:-1][present]).mean())
