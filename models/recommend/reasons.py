"""The figures that reasons for a recommendation state, so that a shopper can check them.

Bundles store them; the server puts them into sentences.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.recommend.interactions import Interactions
from models.recommend.matrices import row_numbers

_LEAST_PURCHASES: Final = 3


def together_share(orders: sparse.csr_matrix[Any], pattern: sparse.csr_matrix[Any]) -> Any:
    """Return P(column | row) over orders for the stored entries of ``pattern``, in their order.

    Parameters
    ----------
    orders
        Orders x products, ones.
    pattern
        Products x products; only where its entries are counts.
    """
    by_product = sparse.csr_matrix(orders.T)
    counts = np.diff(by_product.indptr)
    rows = row_numbers(pattern)
    shares = np.zeros(pattern.nnz, dtype=np.float32)
    for start in range(0, pattern.shape[0], 256):
        inside = np.flatnonzero((rows >= start) & (rows < start + 256))
        met = sparse.csr_matrix(by_product[start : start + 256] @ orders)
        values = np.asarray(met[rows[inside] - start, pattern.indices[inside]]).ravel()
        shares[inside] = values / np.maximum(counts[rows[inside]], 1)
    return shares


@dataclass(frozen=True, eq=False)
class Ledger:
    """The days on which each customer bought each product.

    Attributes
    ----------
    pair_keys
        ``customer * n_products + product`` of every customer's product, ascending.
    days, starts
        Days of the purchases of pair ``k``: ``days[starts[k]:starts[k + 1]]``, ascending.
    """

    pair_keys: NDArray[np.int64]
    days: NDArray[np.int64]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, interactions: Interactions) -> Self:
        """Index all purchases."""
        keys = interactions.customers * max(interactions.n_products, 1) + interactions.products
        order = np.lexsort((interactions.days, keys))
        pair_keys, first = np.unique(keys[order], return_index=True)
        return cls(pair_keys, interactions.days[order], np.append(first, keys.size))


def usual_gaps(ledger: Ledger) -> NDArray[np.float32]:
    """Return the median days between purchases of every pair of ``ledger.pair_keys``.

    NaN if the customer bought the product on fewer than three days: that is no rhythm.
    """
    pairs = np.repeat(np.arange(ledger.pair_keys.size), np.diff(ledger.starts))
    same = (np.diff(pairs, prepend=-1) == 0) & (np.diff(ledger.days, prepend=0) > 0)
    gaps, owners = np.diff(ledger.days, prepend=0)[same], pairs[same]
    order = np.lexsort((gaps, owners))
    gaps, counts = gaps[order], np.bincount(owners, minlength=ledger.pair_keys.size)
    often = np.flatnonzero(counts >= _LEAST_PURCHASES - 1)
    first = (np.cumsum(counts) - counts)[often]
    lower, upper = first + (counts[often] - 1) // 2, first + counts[often] // 2
    usual = np.full(ledger.pair_keys.size, np.nan, dtype=np.float32)
    usual[often] = (gaps[lower] + gaps[upper]) / 2
    return usual
