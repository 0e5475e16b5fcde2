"""The products recommended to customers, in blocks of a size that fits in memory."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from features.vocabulary import Columns as C
from models.next_purchase import NextPurchaseModel
from models.recommend.combining import without
from models.recommend.matrices import Candidates, no_candidates
from models.recommend.topk import fill_with_popular, ranked_products, top_per_row

_CUSTOMERS_PER_BLOCK: Final = 20_000


@dataclass(frozen=True)
class Allowed:
    """What may be recommended, by the rules of the server.

    Attributes
    ----------
    products
        Ids of the products that can be sold.
    rejected
        Ids of the products that a customer rejected, by customer.
    """

    products: Collection[str]
    rejected: Mapping[str, Collection[str]] = field(default_factory=dict)


def score_recommendations(
    model: NextPurchaseModel,
    customer_ids: Sequence[str],
    limit: int,
    allowed: Allowed | None = None,
) -> Iterator[pd.DataFrame]:
    """Yield blocks of (customer_id, product_id, rank, score), best first.

    ``model`` must be fitted on the purchases before the cutoff. ``score`` orders one customer's
    products; it is not comparable between customers. Unknown customers get popular products.

    Parameters
    ----------
    allowed
        Other products are left out, and popular ones take their place; None is the ranking as it
        is evaluated.
    """
    products = model.interactions_.product_ids
    for start in range(0, len(customer_ids), _CUSTOMERS_PER_BLOCK):
        block = np.asarray(customer_ids[start : start + _CUSTOMERS_PER_BLOCK], dtype=str)
        scores, _ = model.candidates(block, max(limit, model.limit))
        if allowed is not None:
            scores = _allowed(scores, model, block, limit, allowed)
        ranked = ranked_products(scores, limit, model.blend_.ties_)
        rows, places = np.nonzero(ranked >= 0)
        product = ranked[rows, places]
        yield pd.DataFrame(
            {
                C.CUSTOMER_ID: block[rows],
                C.PRODUCT_ID: products[product],
                "rank": places + 1,
                C.SCORE: np.asarray(scores[rows, product]).ravel(),
            }
        )


def _allowed(
    scores: Candidates,
    model: NextPurchaseModel,
    customer_ids: NDArray[np.str_],
    limit: int,
    allowed: Allowed,
) -> Candidates:
    """Drop what may not be shown; popular products that may complete short rows."""
    sellable = np.isin(model.interactions_.product_ids, list(allowed.products))
    rejected = _rejected(model, customer_ids, allowed.rejected)
    # So many that enough are left without those rejected.
    most = limit + int(np.diff(rejected.indptr).max(initial=0))
    depth = min(most, int(sellable.sum()))
    if depth == 0:
        return no_candidates(*scores.shape)
    kept = sparse.csr_matrix(scores, copy=True)
    kept.data = np.where(sellable[kept.indices], kept.data, 0.0).astype(np.float32)
    own = top_per_row(kept, depth, model.blend_.ties_)
    # What cannot be sold is the least popular: with this depth it is never filled in.
    order = np.empty(sellable.size, dtype=np.int64)
    order[np.lexsort((model.blend_.fill_order_, ~sellable))] = np.arange(sellable.size)
    return without(fill_with_popular(own, depth, order), rejected, limit, model.blend_.ties_)


def _rejected(
    model: NextPurchaseModel,
    customer_ids: NDArray[np.str_],
    rejected: Mapping[str, Collection[str]],
) -> sparse.csr_matrix[Any]:
    """Return what each customer rejected, shape (customers, products), ones."""
    pairs = [
        (row, product)
        for row, customer_id in enumerate(customer_ids.tolist())
        for product in rejected.get(customer_id, ())
    ]
    rows = np.array([row for row, _ in pairs], dtype=np.int64)
    columns = model.interactions_.product_index([product for _, product in pairs])
    known = columns >= 0
    shape = (len(customer_ids), model.interactions_.n_products)
    places = (rows[known], columns[known])
    return sparse.csr_matrix((np.ones(int(known.sum())), places), shape=shape)
