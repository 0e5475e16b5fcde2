"""Properties of recommended lists that need no truth: diversity and popularity bias.

Lists are as in :mod:`models.metrics.ranking`: shape (n, k'), best first, -1 where short.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.metrics.ranking import PerCustomer, Ranked, Truth

_LISTS_AT_A_TIME = 50_000


def diversity_at(ranked: Ranked, vectors: NDArray[np.floating[Any]], k: int) -> PerCustomer:
    """One minus the mean cosine between the products of each list; NaN below two products.

    Intra-list diversity (Ziegler et al. 2005). The sum over pairs is computed from the square of
    the summed vectors, so that time grows with k and not with its square.

    Parameters
    ----------
    vectors
        A direction of length 1 for each product, or zeros where there is none; shape
        (n_products, dimensions).
    """
    diversity = np.full(ranked.shape[0], np.nan)
    for start in range(0, ranked.shape[0], _LISTS_AT_A_TIME):
        listed = ranked[start : start + _LISTS_AT_A_TIME, :k]
        total = np.zeros((listed.shape[0], vectors.shape[1]))
        own = np.zeros(listed.shape[0])
        for column in listed.T:
            part = np.where((column >= 0)[:, None], vectors[column], 0.0)
            total += part
            own += np.einsum("ij,ij->i", part, part)
        count = (listed >= 0).sum(axis=1)
        pairs = count * (count - 1)
        cosines = np.einsum("ij,ij->i", total, total) - own
        block = diversity[start : start + _LISTS_AT_A_TIME]
        np.divide(cosines, pairs, out=block, where=pairs > 0)
        np.subtract(1.0, block, out=block, where=pairs > 0)
    return diversity


def popularity_bias_at(ranked: Ranked, history: Truth, buyers: NDArray[Any], k: int) -> PerCustomer:
    """Mean popularity of each list over that of what the customer bought before; 1 is none.

    The popularity lift of Abdollahpouri et al. 2019, plus one. NaN without a list or a history.

    Parameters
    ----------
    history
        What each of these customers bought before; shape (n, n_products).
    buyers
        Customers who ever bought each product; shape (n_products,).
    """
    listed = ranked[:, :k]
    present = listed >= 0
    known = np.zeros(listed.shape)
    known[present] = buyers[listed[present]]
    bought = history.copy()
    bought.data = np.ones(bought.nnz)
    usual = np.asarray(bought @ buyers.astype(np.float64))
    own = _ratio(usual, np.diff(bought.indptr))
    return _ratio(_ratio(known.sum(axis=1), present.sum(axis=1)), own)


def product_vectors(history: Truth, dimensions: int = 64, seed: int = 0) -> NDArray[np.float32]:
    """Return directions of products whose cosines approximate those of their buyers.

    A random projection with signs (Achlioptas 2003): cosines are right in the mean, with a
    standard error of about ``1 / sqrt(dimensions)`` for one pair.

    Parameters
    ----------
    history
        Who bought what; shape (n_customers, n_products).

    Returns
    -------
    array, shape (n_products, dimensions)
        Rows of length 1; zeros for a product without a buyer.
    """
    random = np.random.default_rng(seed)
    signs = random.choice(np.array([-1.0, 1.0], dtype=np.float32), (history.shape[0], dimensions))
    bought = history.copy().astype(np.float32)
    bought.data[:] = 1.0
    projected = np.asarray(bought.T @ signs)
    lengths = np.linalg.norm(projected, axis=1, keepdims=True)
    return np.asarray(projected / np.where(lengths > 0, lengths, 1.0), dtype=np.float32)


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> PerCustomer:
    ratio = np.full(np.shape(whole), np.nan)
    np.divide(part, whole, out=ratio, where=whole > 0)
    return ratio
