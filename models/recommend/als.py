"""Matrix factors of implicit feedback by alternating least squares (Hu, Koren & Volinsky 2008)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from models.recommend.interactions import Interactions
from models.recommend.matrices import Candidates, Indices
from models.recommend.topk import score_in_blocks, tie_order
from models.state import load_state, save_state


class Als:
    """Customers and products as points whose inner product is the preference.

    The solver is that of ``implicit``, on one thread, which makes it reproducible.

    Parameters
    ----------
    factors
        Dimensions of the points.
    regularization
        Ridge penalty on every point.
    alpha
        Confidence in a purchase beside a non-purchase.
    iterations
        Alternations.
    half_life_days
        Days in which the confidence in a purchase halves; None is never.
    seed
        Of the starting points.

    Attributes
    ----------
    customer_factors_ : array, shape (n_customers, factors)
    product_factors_ : array, shape (n_products, factors)
    ties_ : array, shape (n_products,)
        Place of each product by popularity.
    """

    name: ClassVar[str] = "als"

    def __init__(
        self,
        factors: int = 128,
        regularization: float = 50.0,
        alpha: float = 5.0,
        iterations: int = 15,
        half_life_days: float | None = 180.0,
        seed: int = 0,
    ) -> None:
        self.factors = factors
        self.regularization = regularization
        self.alpha = alpha
        self.iterations = iterations
        self.half_life_days = half_life_days
        self.seed = seed

    def fit(self, interactions: Interactions) -> Self:
        """Factorise the faded order counts."""
        self.ties_ = tie_order(interactions.popularity())
        counts = interactions.customer_matrix(self.half_life_days).astype(np.float32)
        if counts.nnz == 0:
            self.customer_factors_: NDArray[np.float32] = np.zeros((0, self.factors), np.float32)
            self.product_factors_: NDArray[np.float32] = np.zeros((0, self.factors), np.float32)
            return self
        with threadpool_limits(1, "blas"):
            solver = AlternatingLeastSquares(
                factors=self.factors,
                regularization=self.regularization,
                alpha=self.alpha,
                iterations=self.iterations,
                num_threads=1,
                random_state=self.seed,
            )
            solver.fit(counts, show_progress=False)
        self.customer_factors_ = np.asarray(solver.user_factors)
        self.product_factors_ = np.asarray(solver.item_factors)
        return self

    def score(self, customers: Indices, limit: int) -> Candidates:
        """Return the products with the largest positive inner products."""
        return score_in_blocks(
            customers,
            limit,
            self.ties_,
            lambda block: self.customer_factors_[block] @ self.product_factors_.T,
        )

    def similar(self, products: Indices, limit: int) -> Candidates:
        """Return the products whose points lie in the most similar direction (cosine)."""
        lengths = np.linalg.norm(self.product_factors_, axis=1, keepdims=True)
        directions = self.product_factors_ / np.maximum(lengths, np.finfo(np.float32).tiny)

        def others(block: NDArray[np.int64]) -> NDArray[np.float32]:
            cosines = directions[block] @ directions.T
            cosines[np.arange(block.size), block] = 0.0
            return np.asarray(cosines)

        return score_in_blocks(products, limit, self.ties_, others)

    def save(self, folder: Path) -> None:
        """Write parameters and learned state into ``folder``."""
        parameters = {
            "factors": self.factors,
            "regularization": self.regularization,
            "alpha": self.alpha,
            "iterations": self.iterations,
            "half_life_days": self.half_life_days,
            "seed": self.seed,
        }
        arrays: dict[str, NDArray[Any]] = {
            "customer_factors": self.customer_factors_,
            "product_factors": self.product_factors_,
            "ties": self.ties_,
        }
        save_state(folder, parameters, arrays)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what :meth:`save` wrote."""
        parameters, arrays = load_state(folder)
        model = cls(**parameters)
        model.customer_factors_ = arrays["customer_factors"]
        model.product_factors_ = arrays["product_factors"]
        model.ties_ = arrays["ties"]
        return model
