"""EASE: a linear regression of every product on all others, in closed form (Steck 2019)."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from scipy import sparse

from models.recommend.ease_solver import ease_rows, solvable
from models.recommend.interactions import Interactions
from models.recommend.matrices import (
    Candidates,
    Indices,
    matrix_arrays,
    matrix_from_arrays,
    rows_of,
)
from models.recommend.topk import score_in_blocks, tie_order, top_per_row
from models.state import load_state, save_state


class Ease:
    """EASE on who bought what, applied to the customer's faded history.

    Parameters
    ----------
    regularization
        Ridge penalty, in customers.
    neighbours
        Most positive weights kept per product, so that scoring stays sparse.
    max_products
        Largest system solved: time grows with its cube, memory with its square. If products and
        customers are both more, the products with the most buyers are used and the rest left out;
        see :func:`~models.recommend.ease_solver.solvable`.
    half_life_days
        Days in which an order's weight in the customer's history halves; None is never.

    Attributes
    ----------
    weights_ : csr_matrix, shape (n_products, n_products)
        Weight of a bought product (row) for a recommended one (column).
    history_ : csr_matrix, shape (n_customers, n_products)
        Faded order counts of each customer.
    ties_ : array, shape (n_products,)
        Rank of each product by popularity, 0 first.
    left_out_ : int
        Products left out: this model never recommends them.
    """

    name: ClassVar[str] = "ease"

    def __init__(
        self,
        regularization: float = 100.0,
        neighbours: int = 100,
        max_products: int = 8_000,
        half_life_days: float | None = 180.0,
    ) -> None:
        self.regularization = regularization
        self.neighbours = neighbours
        self.max_products = max_products
        self.half_life_days = half_life_days

    def fit(self, interactions: Interactions) -> Self:
        """Solve for the weights, on the products or on the customers, whichever are fewer."""
        self.ties_ = tie_order(interactions.popularity())
        self.history_ = interactions.customer_matrix(self.half_life_days)
        bought = interactions.customer_matrix()
        bought.data[:] = 1.0
        self.left_out_ = interactions.n_products - int(solvable(bought, self.max_products).size)
        self.weights_: Candidates = ease_rows(
            bought, self.regularization, self.neighbours, largest_side=self.max_products
        )
        return self

    def score(self, customers: Indices, limit: int) -> Candidates:
        """Return the products with the largest weights given each customer's history."""
        return score_in_blocks(
            customers,
            limit,
            self.ties_,
            lambda block: sparse.csr_matrix(self.history_[block] @ self.weights_),
        )

    def similar(self, products: Indices, limit: int) -> Candidates:
        """Return the products for which each product has the largest weights."""
        return top_per_row(rows_of(self.weights_, products), limit, self.ties_)

    def save(self, folder: Path) -> None:
        """Write parameters and learned state into ``folder``."""
        parameters = {
            "regularization": self.regularization,
            "neighbours": self.neighbours,
            "max_products": self.max_products,
            "half_life_days": self.half_life_days,
        }
        arrays = (
            matrix_arrays("weights", self.weights_)
            | matrix_arrays("history", self.history_)
            | {"ties": self.ties_, "left_out": np.asarray(self.left_out_)}
        )
        save_state(folder, parameters, arrays)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what :meth:`save` wrote."""
        parameters, arrays = load_state(folder)
        model = cls(**parameters)
        model.weights_ = matrix_from_arrays("weights", arrays)
        model.history_ = matrix_from_arrays("history", arrays)
        model.ties_, model.left_out_ = arrays["ties"], int(arrays["left_out"])
        return model
