"""The products recommended to customers, in blocks of a size that fits in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import pandas as pd

from features.vocabulary import Columns as C
from models.next_purchase import NextPurchaseModel
from models.recommend.topk import ranked_products

_CUSTOMERS_PER_BLOCK: Final = 20_000


def score_recommendations(
    model: NextPurchaseModel, customer_ids: Sequence[str], limit: int
) -> Iterator[pd.DataFrame]:
    """Yield blocks of (customer_id, product_id, rank, score), best first.

    ``model`` must be fitted on the purchases before the cutoff. ``score`` orders one customer's
    products; it is not comparable between customers. Unknown customers get popular products.
    """
    products = model.interactions_.product_ids
    for start in range(0, len(customer_ids), _CUSTOMERS_PER_BLOCK):
        block = np.asarray(customer_ids[start : start + _CUSTOMERS_PER_BLOCK], dtype=str)
        scores, _ = model.candidates(block, max(limit, model.limit))
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
