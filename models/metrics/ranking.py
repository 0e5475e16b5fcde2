"""How good ranked lists of products are, given what was bought next.

Lists are an integer array, shape (n, k'), best first, -1 where a list is short; the truth is a
sparse matrix, shape (n, n_products), with an entry wherever the product was bought. Functions
return one number per customer, NaN where there is no truth to find, unless they say otherwise.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Ranked = NDArray[np.integer[Any]]
Truth = sparse.csr_matrix[Any]
PerCustomer = NDArray[np.float64]


def hits(ranked: Ranked, truth: Truth) -> NDArray[np.bool_]:
    """Where the list holds a product of the truth; the shape of ``ranked``."""
    n, n_products = truth.shape
    rows = np.repeat(np.arange(n), np.diff(truth.indptr))
    bought = rows * n_products + truth.indices
    if not truth.has_sorted_indices:
        bought.sort()
    if bought.size == 0:
        return np.zeros(ranked.shape, dtype=np.bool_)
    listed = np.arange(n)[:, None] * n_products + ranked
    places = np.minimum(np.searchsorted(bought, listed), bought.size - 1)
    return np.asarray((bought[places] == listed) & (ranked >= 0))


def recall_at(found: NDArray[np.bool_], sizes: NDArray[Any], k: int) -> PerCustomer:
    """Share of what was bought that is among the first ``k``.

    Parameters
    ----------
    found
        From :func:`hits`.
    sizes
        Products bought by each customer, from :func:`truth_sizes`.
    """
    return _share(found[:, :k].sum(axis=1), sizes)


def ndcg_at(found: NDArray[np.bool_], sizes: NDArray[Any], k: int) -> PerCustomer:
    """Discounted cumulative gain over that of the best list of ``k`` (Jarvelin & Kekalainen 2002).

    Gains are 0 or 1, the discount is log2(rank + 1), and the best list has
    min(k, products bought) hits at its top.
    """
    discounts = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.concatenate(([0.0], np.cumsum(discounts)))[np.minimum(sizes, k)]
    first = found[:, :k]
    return _share(first @ discounts[: first.shape[1]], ideal)


def whole_basket_ndcg_at(found: NDArray[np.bool_], sizes: NDArray[Any], k: int) -> PerCustomer:
    """NDCG in the form of the next-basket papers: the best list names the whole basket.

    Where more than ``k`` products were bought the best list is longer than what is judged, so
    that even a perfect list of ``k`` stays below 1 (Li et al. 2023, after Hu & He 2019).
    """
    discounts = 1 / np.log2(np.arange(2, max(k, int(np.max(sizes, initial=0))) + 2))
    ideal = np.concatenate(([0.0], np.cumsum(discounts)))[sizes]
    first = found[:, :k]
    return _share(first @ discounts[: first.shape[1]], ideal)


def hit_rate_at(found: NDArray[np.bool_], sizes: NDArray[Any], k: int) -> PerCustomer:
    """1 where at least one of the first ``k`` was bought: the personal hit ratio (PHR)."""
    return _share(np.asarray(found[:, :k].any(axis=1)), sizes > 0)


def reciprocal_rank_at(found: NDArray[np.bool_], sizes: NDArray[Any], k: int) -> PerCustomer:
    """1 / rank of the first hit among the first ``k``, 0 without one; its mean is the MRR."""
    first = found[:, :k]
    if first.shape[1] == 0:
        return _share(np.zeros(first.shape[0]), sizes > 0)
    gains = np.where(first.any(axis=1), 1 / (first.argmax(axis=1) + 1), 0.0)
    return _share(gains, sizes > 0)


def truth_sizes(truth: Truth) -> NDArray[np.int64]:
    """Products bought by each customer."""
    return np.diff(truth.indptr).astype(np.int64)


def coverage_at(ranked: Ranked, n_products: int, k: int) -> float:
    """Share of the catalogue that appears in anybody's first ``k``."""
    listed = ranked[:, :k]
    return float(np.unique(listed[listed >= 0]).size / n_products) if n_products else float("nan")


def novelty_at(ranked: Ranked, buyers: NDArray[Any], n_customers: int, k: int) -> PerCustomer:
    """Mean surprise of the first ``k``, in bits: -log2 of the share of customers who bought it.

    Vargas & Castells 2011. NaN where the list is empty; a product without a buyer counts as
    half a buyer.

    Parameters
    ----------
    buyers
        Customers who ever bought each product; shape (n_products,).
    """
    listed = ranked[:, :k]
    present = listed >= 0
    surprise = -np.log2(np.maximum(buyers, 0.5) / n_customers) if n_customers else buyers * 0.0
    bits = np.zeros(listed.shape)
    bits[present] = surprise[listed[present]]
    return _share(bits.sum(axis=1), present.sum(axis=1))


def split_truth(truth: Truth, history: Truth) -> tuple[Truth, Truth]:
    """Split what was bought next into repeats (bought before) and explorations (never before)."""
    next_bought = _indicator(truth)
    repeats = sparse.csr_matrix(next_bought.multiply(_indicator(history)))
    explorations = sparse.csr_matrix(next_bought - repeats)
    explorations.eliminate_zeros()
    return repeats, explorations


def ranking_scorecard(
    ranked: Ranked, truth: Truth, history: Truth, ks: tuple[int, ...] = (10, 20)
) -> dict[str, float]:
    """Means over the customers for whom each number is defined.

    Parameters
    ----------
    history
        What each of these customers bought before; shape of ``truth``. Repeat and explore
        recalls find that part of the truth alone (Li et al. 2023); novelty counts its buyers.

    Returns
    -------
    dict
        ``recall_at_10``, ``ndcg_at_10``, ``whole_basket_ndcg_at_10``, ``phr_at_10``,
        ``mrr_at_10``,
        ``repeat_recall_at_10``, ``explore_recall_at_10``, ``coverage_at_10``,
        ``novelty_at_10`` and so for every k; NaN where nobody has such a truth.
    """
    truth = _indicator(truth)
    found, sizes = hits(ranked, truth), truth_sizes(truth)
    repeats, explorations = split_truth(truth, history)
    found_repeats, repeat_sizes = hits(ranked, repeats), truth_sizes(repeats)
    explore_sizes = truth_sizes(explorations)
    n_customers, n_products = truth.shape
    buyers = np.bincount(_indicator(history).indices, minlength=n_products)
    card: dict[str, float] = {}
    for k in ks:
        card[f"recall_at_{k}"] = _mean(recall_at(found, sizes, k))
        card[f"ndcg_at_{k}"] = _mean(ndcg_at(found, sizes, k))
        card[f"whole_basket_ndcg_at_{k}"] = _mean(whole_basket_ndcg_at(found, sizes, k))
        card[f"phr_at_{k}"] = _mean(hit_rate_at(found, sizes, k))
        card[f"mrr_at_{k}"] = _mean(reciprocal_rank_at(found, sizes, k))
        card[f"repeat_recall_at_{k}"] = _mean(recall_at(found_repeats, repeat_sizes, k))
        card[f"explore_recall_at_{k}"] = _mean(recall_at(found & ~found_repeats, explore_sizes, k))
        card[f"coverage_at_{k}"] = coverage_at(ranked, n_products, k)
        card[f"novelty_at_{k}"] = _mean(novelty_at(ranked, buyers, n_customers, k))
    return card


def _indicator(matrix: Truth) -> Truth:
    """Canonical copy with a 1 wherever there is a non-zero entry."""
    copy: Truth = sparse.csr_matrix(matrix, copy=True)
    copy.sum_duplicates()
    copy.eliminate_zeros()
    copy.data = np.ones(copy.nnz, dtype=np.int8)
    return copy


def _share(part: NDArray[Any], whole: NDArray[Any]) -> PerCustomer:
    shares = np.full(whole.shape, np.nan)
    np.divide(part, whole, out=shares, where=whole > 0)
    return shares


def _mean(values: PerCustomer) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else float("nan")
