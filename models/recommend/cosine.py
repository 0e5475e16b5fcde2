"""Products that go together: shrunk cosine between products, over orders or customers.

Over orders it answers "bought together", which is cross-sell; over customers it answers
"bought by the same people".
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.recommend.interactions import Interactions
from models.recommend.matrices import (
    Candidates,
    Indices,
    matrix_arrays,
    matrix_from_arrays,
    row_numbers,
    rows_of,
    stack,
)
from models.recommend.topk import score_in_blocks, tie_order, top_per_row
from models.state import load_state, save_state

_PRODUCTS_PER_BLOCK: Final = 512


class Cosine:
    """Item-item cosine, shrunk so that rare coincidences count for little.

    ``similarity[i, j] = c_ij / (sqrt(c_i c_j) + shrinkage)``, where ``c`` counts orders (or
    customers) with the product or with both (Sarwar et al. 2001; shrinkage as in Bell & Koren
    2007). A customer's score is the sum over what they bought, recent orders first.

    Parameters
    ----------
    basis
        What two products must share to go together.
    shrinkage
        Orders (or customers) added to the denominator.
    neighbours
        Most products kept per product.
    half_life_days
        Days in which an order's weight in the customer's history halves; None is never.

    Attributes
    ----------
    similarity_ : csr_matrix, shape (n_products, n_products)
        Similarities to the kept neighbours; the diagonal is empty.
    support_ : csr_matrix, shape (n_products, n_products)
        P(other | product): share of the orders (or customers) with the product that also have
        the other, for the same neighbours.
    history_ : csr_matrix, shape (n_customers, n_products)
        Faded order counts of each customer.
    ties_ : array, shape (n_products,)
        Rank of each product by popularity, 0 first.
    """

    name: ClassVar[str] = "cosine"

    def __init__(
        self,
        basis: Literal["orders", "customers"] = "orders",
        shrinkage: float = 10.0,
        neighbours: int = 100,
        half_life_days: float | None = 180.0,
    ) -> None:
        self.basis: Literal["orders", "customers"] = basis
        self.shrinkage = shrinkage
        self.neighbours = neighbours
        self.half_life_days = half_life_days

    def fit(self, interactions: Interactions) -> Self:
        """Count co-occurrences, a block of products at a time."""
        self.ties_ = tie_order(interactions.popularity())
        self.history_ = interactions.customer_matrix(self.half_life_days)
        matrix = interactions.order_matrix()
        if self.basis == "customers":
            matrix = interactions.customer_matrix()
            matrix.data[:] = 1.0
        counts = np.bincount(matrix.indices, minlength=interactions.n_products).astype(np.float64)
        by_product = sparse.csr_matrix(matrix.T)
        blocks = [
            self._neighbours(by_product[start : start + _PRODUCTS_PER_BLOCK], matrix, counts, start)
            for start in range(0, interactions.n_products, _PRODUCTS_PER_BLOCK)
        ]
        self.similarity_ = stack(blocks, interactions.n_products)
        self.support_ = self._support(counts)
        return self

    def _neighbours(
        self,
        products: sparse.csr_matrix[np.float64],
        matrix: sparse.csr_matrix[np.float64],
        counts: NDArray[np.float64],
        first: int,
    ) -> Candidates:
        together = sparse.csr_matrix(products @ matrix)
        rows = row_numbers(together) + first
        norms = np.sqrt(counts[rows] * counts[together.indices])
        together.data /= norms + self.shrinkage
        together.data[rows == together.indices] = 0.0
        return top_per_row(together, self.neighbours, self.ties_)

    def _support(self, counts: NDArray[np.float64]) -> Candidates:
        """Turn the kept similarities back into counts, and these into conditional shares."""
        rows = row_numbers(self.similarity_)
        columns = self.similarity_.indices
        norms = np.sqrt(counts[rows] * counts[columns])
        # Counts are whole numbers: rounding removes the error of float32.
        together = np.round(self.similarity_.data * (norms + self.shrinkage))
        shares = (together / counts[rows]).astype(np.float32)
        parts = (shares, columns, self.similarity_.indptr)
        return sparse.csr_matrix(parts, shape=self.similarity_.shape)

    def score(self, customers: Indices, limit: int) -> Candidates:
        """Return the products that go with what each customer bought, bought ones included."""
        return score_in_blocks(
            customers,
            limit,
            self.ties_,
            lambda block: sparse.csr_matrix(self.history_[block] @ self.similarity_),
        )

    def similar(self, products: Indices, limit: int) -> Candidates:
        """Return the nearest products of each product."""
        return top_per_row(rows_of(self.similarity_, products), limit, self.ties_)

    def support(self, products: Indices) -> Candidates:
        """P(other | product) for each product's neighbours; unknown products have none."""
        return rows_of(self.support_, products)

    def save(self, folder: Path) -> None:
        """Write parameters and learned state into ``folder``."""
        parameters = {
            "basis": self.basis,
            "shrinkage": self.shrinkage,
            "neighbours": self.neighbours,
            "half_life_days": self.half_life_days,
        }
        arrays = (
            matrix_arrays("similarity", self.similarity_)
            | matrix_arrays("support", self.support_)
            | matrix_arrays("history", self.history_)
            | {"ties": self.ties_}
        )
        save_state(folder, parameters, arrays)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what :meth:`save` wrote."""
        parameters, arrays = load_state(folder)
        model = cls(**parameters)
        model.similarity_ = matrix_from_arrays("similarity", arrays)
        model.support_ = matrix_from_arrays("support", arrays)
        model.history_ = matrix_from_arrays("history", arrays)
        model.ties_ = arrays["ties"]
        return model
