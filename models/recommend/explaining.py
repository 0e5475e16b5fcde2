"""The purchase that best explains why a product is recommended to a customer."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.recommend.interactions import Interactions
from models.recommend.matrices import Candidates, Indices, row_numbers, rows_of
from models.recommend.topk import tie_order, top_per_row

_PRODUCTS_PER_BLOCK: Final = 256
_HALF_LIFE_DAYS: Final = 180.0


def explaining_products(
    interactions: Interactions, customers: Indices, candidates: Candidates, *, most: int = 20
) -> NDArray[np.int32]:
    """Find for each candidate the product of the customer's own that explains it best.

    It is the one whose baskets hold the candidate most often or, if no basket holds both, the one
    whose buyers bought the candidate most often.

    Parameters
    ----------
    customers
        Customers of the rows of ``candidates``, -1 for unknown ones; shape (n,).
    candidates
        Shape (n, n_products).
    most
        How many of each customer's own products are considered: the strongest habits.

    Returns
    -------
    array, one entry per candidate in the order of storage
        The product; -1 if the customer bought the candidate, or nobody ever bought both.
    """
    people = interactions.customer_matrix()
    people.data[:] = 1.0
    ties = tie_order(interactions.popularity())
    habits = top_per_row(interactions.customer_matrix(_HALF_LIFE_DAYS), most, ties)
    own = rows_of(habits, customers)
    new = ~_bought(people, np.asarray(customers, dtype=np.int64), candidates)
    rows, products = row_numbers(candidates), candidates.indices.astype(np.int64)
    explaining = np.full(candidates.nnz, -1, dtype=np.int32)
    of_baskets = _ConditionalShares(interactions.order_matrix())
    of_buyers = _ConditionalShares(people)
    for start in range(0, interactions.n_products, _PRODUCTS_PER_BLOCK):
        stop = start + _PRODUCTS_PER_BLOCK
        asked = np.flatnonzero(new & (products >= start) & (products < stop))
        if not asked.size:
            continue
        # Any basket with both outweighs all buyers of both.
        shares = of_baskets.block(start, stop) + np.float32(1e-6) * of_buyers.block(start, stop)
        explaining[asked] = _best(own, rows[asked], products[asked] - start, shares)
    return explaining


class _ConditionalShares:
    """Share of the rows with product j that also hold product i, for a block of products i."""

    def __init__(self, matrix: sparse.csr_matrix[Any]) -> None:
        self._matrix, self._by_product = matrix, sparse.csr_matrix(matrix.T)
        self._counts = np.maximum(np.diff(self._by_product.indptr), 1).astype(np.float32)

    def block(self, start: int, stop: int) -> NDArray[np.float32]:
        both = sparse.csr_matrix(self._by_product[start:stop] @ self._matrix)
        return np.asarray(both.toarray() / self._counts, dtype=np.float32)


def _bought(
    people: sparse.csr_matrix[Any], customers: NDArray[np.int64], candidates: Candidates
) -> NDArray[np.bool_]:
    """Whether each candidate's customer bought it."""
    width = people.shape[1]
    owners = customers[row_numbers(candidates)]
    wanted = owners * width + candidates.indices
    bought = row_numbers(people) * width + people.indices
    return np.isin(wanted, bought) & (owners >= 0)


def _best(
    own: Candidates,
    rows: NDArray[np.int64],
    places: NDArray[np.int64],
    shares: NDArray[np.float32],
) -> NDArray[np.int32]:
    """Return the customer's product with the largest share for each candidate, -1 without any.

    Parameters
    ----------
    own
        What each customer bought; shape (n, n_products).
    rows, places
        Customer of each candidate, and the candidate's row in ``shares``; shape (m,).
    """
    best = np.full(rows.size, -1, dtype=np.int32)
    lengths = np.diff(own.indptr)[rows]
    some = np.flatnonzero(lengths)
    lengths = lengths[some]
    starts = np.cumsum(lengths) - lengths
    entries = np.repeat(own.indptr[rows[some]] - starts, lengths) + np.arange(lengths.sum())
    products = own.indices[entries]
    values = shares[np.repeat(places[some], lengths), products]
    largest = np.repeat(np.maximum.reduceat(values, starts), lengths) if some.size else values
    # Products ascend within a customer; assigned in reverse, of equals the lowest code stays.
    candidate = np.repeat(some, lengths)
    found = np.flatnonzero((values == largest) & (values > 0))[::-1]
    best[candidate[found]] = products[found]
    return best
