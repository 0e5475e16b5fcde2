"""Which of a customer's purchases best accounts for a product that they have not bought."""

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


def most_telling(
    interactions: Interactions, customers: Indices, candidates: Candidates, *, most: int = 20
) -> NDArray[np.int32]:
    """Find, for each candidate, the customer's product whose baskets hold it most often.

    Where no basket holds both, the product whose buyers bought the candidate most often.

    Parameters
    ----------
    customers
        Whose candidates they are, -1 for unknown ones; shape (n,).
    candidates
        Shape (n, n_products).
    most
        Of each customer's own products so many speak, the strongest habits.

    Returns
    -------
    array, one entry per candidate in the order of storage
        The product; -1 where the customer bought the candidate, or nobody ever bought both.
    """
    people = interactions.customer_matrix()
    people.data[:] = 1.0
    ties = tie_order(interactions.popularity())
    habits = top_per_row(interactions.customer_matrix(_HALF_LIFE_DAYS), most, ties)
    own = rows_of(habits, customers)
    new = ~_bought(people, np.asarray(customers, dtype=np.int64), candidates)
    rows, products = row_numbers(candidates), candidates.indices.astype(np.int64)
    telling = np.full(candidates.nnz, -1, dtype=np.int32)
    met = _Shares.of(interactions.order_matrix())
    shared = _Shares.of(people)
    for start in range(0, interactions.n_products, _PRODUCTS_PER_BLOCK):
        stop = start + _PRODUCTS_PER_BLOCK
        asked = np.flatnonzero(new & (products >= start) & (products < stop))
        if not asked.size:
            continue
        # Any basket with both outweighs all buyers of both.
        worth = met.of_block(start, stop) + np.float32(1e-6) * shared.of_block(start, stop)
        telling[asked] = _best(own, rows[asked], products[asked] - start, worth)
    return telling


class _Shares:
    """Share of the rows with a product that also hold another, some of the others at a time."""

    def __init__(self, matrix: sparse.csr_matrix[Any], by_product: sparse.csr_matrix[Any]) -> None:
        self._matrix, self._by_product = matrix, by_product
        self._counts = np.maximum(np.diff(by_product.indptr), 1).astype(np.float32)

    @classmethod
    def of(cls, matrix: sparse.csr_matrix[Any]) -> _Shares:
        return cls(matrix, sparse.csr_matrix(matrix.T))

    def of_block(self, start: int, stop: int) -> NDArray[np.float32]:
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
    worth: NDArray[np.float32],
) -> NDArray[np.int32]:
    """Return the customer's product of the largest worth for each candidate, -1 without any.

    Parameters
    ----------
    own
        What each customer bought; shape (n, n_products).
    rows, places
        Whose candidate, and its row in ``worth``; shape (m,).
    """
    best = np.full(rows.size, -1, dtype=np.int32)
    lengths = np.diff(own.indptr)[rows]
    some = np.flatnonzero(lengths)
    lengths = lengths[some]
    starts = np.cumsum(lengths) - lengths
    entries = np.repeat(own.indptr[rows[some]] - starts, lengths) + np.arange(lengths.sum())
    products = own.indices[entries]
    values = worth[np.repeat(places[some], lengths), products]
    largest = np.repeat(np.maximum.reduceat(values, starts), lengths) if some.size else values
    # Products ascend within a customer: of equals the first has the lowest code.
    candidate = np.repeat(some, lengths)
    found = np.flatnonzero((values == largest) & (values > 0))[::-1]
    best[candidate[found]] = products[found]
    return best
