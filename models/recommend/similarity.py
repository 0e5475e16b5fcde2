"""Products like a product: bought by the same customers or, for new products, described alike."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy import sparse

from models.recommend.combining import mean_largest
from models.recommend.content import Content
from models.recommend.ease import Ease
from models.recommend.interactions import Interactions
from models.recommend.matrices import Candidates, row_numbers
from models.recommend.topk import tie_order, top_per_row

_PRIOR_BUYERS: Final = 10.0
"""With this many buyers a product's purchases count as much as its description would."""

_DESCRIPTION_SHARE: Final = 0.5
"""What a similar description is worth beside similar purchases: the proven come first."""


def similar_products(interactions: Interactions, content: Content, neighbours: int) -> Candidates:
    """Score the products to show to somebody who looks at each product, itself excluded.

    With ``b`` the buyers of the rarer of two products, the score is ``b / (b + 10)`` times their
    EASE weight over customers plus half of the rest times the similarity of their descriptions,
    both on one scale: a new product has no neighbours among purchases, but it has a name.

    Parameters
    ----------
    interactions
        Purchases among the products of the whole catalogue.
    content
        Fitted on the same products.
    neighbours
        Most products kept for each.

    Returns
    -------
    csr_matrix, shape (n_products, n_products)
    """
    buyers = np.diff(sparse.csc_matrix(interactions.customer_matrix()).indptr)
    everything = np.arange(interactions.n_products)
    bought = Ease(neighbours=neighbours, max_products=5_000).fit(interactions).weights_
    # New products are looked for by themselves as well: among the many old ones that are
    # described alike they would be lost.
    new = np.flatnonzero(buyers < _PRIOR_BUYERS)
    described = sparse.csr_matrix(
        content.similar(everything, neighbours).maximum(
            content.similar(everything, neighbours, among=new)
        )
    )
    parts = []
    for rows, is_described in ((bought, False), (described, True)):
        rarer = np.minimum(buyers[row_numbers(rows)], buyers[rows.indices])
        doubt = _PRIOR_BUYERS / (_PRIOR_BUYERS + rarer)
        weight = _DESCRIPTION_SHARE * doubt if is_described else 1 - doubt
        scores = (rows.data * (weight / max(mean_largest(rows), 1e-9))).astype(np.float32)
        parts.append(sparse.csr_matrix((scores, rows.indices, rows.indptr), shape=rows.shape))
    return top_per_row(
        sparse.csr_matrix(parts[0] + parts[1]), neighbours, tie_order(interactions.popularity())
    )
