"""Complements and substitutes: what customers buy together, and what instead of each other.

Every repeat customer is compared with themself. If they had spread their purchases over their
orders at random, two products would meet in a number of orders that follows from how often they
bought each and how large their orders were. Taste, wealth and order size are the same on both
sides, so more meetings than expected mean that the products go together, and fewer that one
replaces the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.recommend.interactions import Interactions
from models.recommend.matrices import Candidates, entries_in, row_numbers, stack
from models.recommend.topk import tie_order, top_per_row

_PRODUCTS_PER_BLOCK: Final = 256
_PRIOR: Final = 1.0
"""Prior meetings, observed and expected alike: without evidence the lift is 1."""


@dataclass(frozen=True, eq=False)
class Relations:
    """Pairs of products that are certainly related; shapes (n_products, n_products).

    Attributes
    ----------
    complements
        Lower bound of the lift less 1, where positive.
    substitutes
        1 less the upper bound of the lift, where positive and the products have the same category
        or are viewed together more often than by chance.
    """

    complements: Candidates
    substitutes: Candidates


def tell_apart(
    interactions: Interactions,
    visits: sparse.csr_matrix[Any] | None = None,
    *,
    neighbours: int = 50,
    errors: float = 3.0,
) -> Relations:
    """Find the complements and substitutes of every product.

    Parameters
    ----------
    interactions
        Purchases. Without categories and visits no substitutes are found.
    visits
        Visits x products, an entry for every product viewed.
    neighbours
        Most pairs kept per product and relation.
    errors
        Standard errors for the bounds; three, since very many pairs are tested.
    """
    orders, counts, chances = _repeat_orders(interactions)
    by_product, by_buyer = sparse.csr_matrix(orders.T), sparse.csr_matrix(counts.T)
    by_chance = sparse.csr_matrix(chances.T)
    ties = tie_order(interactions.popularity())
    comparables = _Comparables.of(interactions, visits, errors)
    complements, substitutes = [], []
    for start in range(0, interactions.n_products, _PRODUCTS_PER_BLOCK):
        block = slice(start, start + _PRODUCTS_PER_BLOCK)
        expected = sparse.csr_matrix(by_chance[block] @ counts + by_buyer[block] @ chances)
        expected.sort_indices()
        met = _values_at(sparse.csr_matrix(by_product[block] @ orders), expected)
        rows = row_numbers(expected) + start
        other = rows != expected.indices
        above = lift_bound(met, expected.data, -errors) - 1
        below = 1 - lift_bound(met, expected.data, errors)
        comparable = comparables.at(expected, start)
        complements.append(top_per_row(_with(expected, above * other), neighbours, ties))
        replaced = np.where(comparable & other, below, 0.0)
        substitutes.append(top_per_row(_with(expected, replaced), neighbours, ties))
    n_products = interactions.n_products
    return Relations(stack(complements, n_products), stack(substitutes, n_products))


def lift_bound(
    met: NDArray[np.floating[Any]], expected: NDArray[np.floating[Any]], errors: float
) -> NDArray[np.float64]:
    """Bound the lift ``met / expected``: ``errors`` standard errors above it, or below if negative.

    A Gamma-Poisson posterior that shrinks to 1 (DuMouchel 1999); its quantile by Wilson and
    Hilferty (1931), which is right within a few percent.
    """
    shape = np.asarray(met, dtype=np.float64) + _PRIOR
    rate = np.asarray(expected, dtype=np.float64) + _PRIOR
    root = np.maximum(1 - 1 / (9 * shape) + errors / (3 * np.sqrt(shape)), 0.0)
    return np.asarray(shape * root**3 / rate)


def _repeat_orders(
    interactions: Interactions,
) -> tuple[sparse.csr_matrix[np.float64], ...]:
    """Return the orders of repeat customers, their counts, and the meetings expected by chance.

    A customer whose orders have sizes ``s``, ``S`` in all, puts product i into an order with
    probability ``a_i s / S``, where ``a_i`` counts the orders with it, and then j among the rest
    with ``a_j (s - 1) / (S - a_i)``. The meetings expected of i and j are thus ``a_j`` times
    ``chance_i = a_i sum(s (s - 1)) / (S (S - a_i))``; half of it either way round.

    Returns
    -------
    orders : orders x products
    counts, half_chances : customers x products
    """
    orders = interactions.order_matrix()
    sizes = np.diff(orders.indptr).astype(np.float64)
    owner = np.zeros(sizes.size, dtype=np.int64)
    owner[interactions.orders] = interactions.customers
    n = interactions.n_customers
    repeats = np.bincount(owner, minlength=n) > 1
    pairs = np.bincount(owner, weights=sizes * (sizes - 1), minlength=n)
    bought = np.bincount(owner, weights=sizes, minlength=n)
    counts = sparse.csr_matrix(
        sparse.diags(repeats.astype(np.float64)) @ interactions.customer_matrix()
    )
    counts.eliminate_zeros()
    half_chances = counts.copy()
    who = row_numbers(counts)
    others = np.maximum(bought[who] - counts.data, 1.0)
    half_chances.data = counts.data * pairs[who] / (2 * bought[who] * others)
    return sparse.csr_matrix(orders[repeats[owner]]), counts, half_chances


@dataclass(frozen=True, eq=False)
class _Comparables:
    """Products that could replace each other: of one category, or viewed in the same visits."""

    categories: NDArray[np.int64] | None
    viewed_together: sparse.csr_matrix[Any] | None

    @classmethod
    def of(
        cls, interactions: Interactions, visits: sparse.csr_matrix[Any] | None, errors: float
    ) -> _Comparables:
        if visits is None:
            return cls(interactions.categories, None)
        seen = sparse.csr_matrix(visits, dtype=np.float64, copy=True)
        seen.sum_duplicates()
        seen.data[:] = 1.0
        together = sparse.csr_matrix(seen.T @ seen)
        views = np.bincount(seen.indices, minlength=seen.shape[1])
        chance = views[row_numbers(together)] * views[together.indices] / max(seen.shape[0], 1)
        often = lift_bound(together.data, chance, -errors) > 1
        together.data = np.where(often, together.data, 0.0)
        together.eliminate_zeros()
        return cls(interactions.categories, together)

    def at(self, pairs: sparse.csr_matrix[Any], start: int) -> NDArray[np.bool_]:
        """Return which stored pairs are comparable; row 0 of ``pairs`` is product ``start``."""
        comparable = np.zeros(pairs.nnz, dtype=np.bool_)
        if self.categories is not None:
            left = self.categories[row_numbers(pairs) + start]
            comparable |= (left >= 0) & (left == self.categories[pairs.indices])
        if self.viewed_together is not None:
            rows = self.viewed_together[start : start + pairs.shape[0]]
            comparable |= entries_in(pairs, sparse.csr_matrix(rows))
        return comparable


def _values_at(
    values: sparse.csr_matrix[Any], pattern: sparse.csr_matrix[Any]
) -> NDArray[np.float64]:
    """Return the values at the entries of a sorted pattern, 0 where there is none."""
    width = pattern.shape[1]
    wanted = row_numbers(pattern) * width + pattern.indices
    values.sort_indices()
    stored = row_numbers(values) * width + values.indices
    found = np.zeros(wanted.size)
    if stored.size:
        places = np.minimum(np.searchsorted(stored, wanted), stored.size - 1)
        hit = stored[places] == wanted
        found[hit] = values.data[places[hit]]
    return found


def _with(pattern: sparse.csr_matrix[Any], data: NDArray[np.float64]) -> sparse.csr_matrix[Any]:
    return sparse.csr_matrix((data, pattern.indices, pattern.indptr), shape=pattern.shape)
