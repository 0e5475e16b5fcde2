"""ALS: matrix factorisation of implicit feedback (Hu, Koren & Volinsky 2008)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from numpy.typing import NDArray
from scipy import sparse
from threadpoolctl import threadpool_limits

from models.recommend.factors import (
    best_products,
    load_factors,
    nearest_products,
    on_grid,
    save_factors,
)
from models.recommend.fold_in import factor_gram, fold_in
from models.recommend.interactions import Interactions
from models.recommend.matrices import Candidates, Indices
from models.recommend.topk import tie_order


class Als:
    """Factors of customers and products whose inner product is the preference.

    Fitted by ``implicit`` on one thread, which makes it reproducible.

    Parameters
    ----------
    factors
        Number of factors.
    regularization
        Ridge penalty on the factors.
    alpha
        Confidence in a purchase beside a non-purchase.
    iterations
        Alternations between customers and products.
    half_life_days
        Days in which the confidence in a purchase halves; None is never.
    seed
        Of the starting values.

    Attributes
    ----------
    customer_factors_ : array, shape (n_customers, factors)
    product_factors_ : array, shape (n_products, factors)
        Both rounded by :func:`~models.recommend.factors.on_grid`, so that a customer alone is
        scored to the bit as in a batch. Products are held in double precision for speed.
    ties_ : array, shape (n_products,)
        Rank of each product by popularity, 0 first.
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
            self.product_factors_: NDArray[np.float64] = np.zeros((0, self.factors))
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
        self.customer_factors_ = on_grid(solver.user_factors)
        self.product_factors_ = on_grid(solver.item_factors).astype(np.float64)
        return self

    def score(self, customers: Indices, limit: int) -> Candidates:
        """Return the products with the largest positive inner products."""
        return best_products(
            self.customer_factors_, self.product_factors_, customers, limit, self.ties_
        )

    def score_histories(self, histories: sparse.csr_matrix[Any], limit: int) -> Candidates:
        """Return the best products for histories that were not trained on.

        Parameters
        ----------
        histories
            Faded order counts, customers x products; an empty history has no products.
        """
        gram = factor_gram(self.product_factors_)
        folded = np.zeros((histories.shape[0], self.factors), dtype=np.float32)
        for row in np.flatnonzero(np.diff(histories.indptr)):
            span = slice(histories.indptr[row], histories.indptr[row + 1])
            folded[row] = fold_in(
                self.product_factors_,
                gram,
                histories.indices[span],
                histories.data[span],
                alpha=self.alpha,
                regularization=self.regularization,
            )
        everyone = np.arange(len(folded))
        return best_products(folded, self.product_factors_, everyone, limit, self.ties_)

    def similar(self, products: Indices, limit: int) -> Candidates:
        """Return the products whose factors have the largest cosine."""
        return nearest_products(self.product_factors_, products, limit, self.ties_)

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
        save_factors(folder, parameters, self.customer_factors_, self.product_factors_, self.ties_)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what :meth:`save` wrote."""
        parameters, customers, products, ties = load_factors(folder)
        model = cls(**parameters)
        model.customer_factors_, model.product_factors_, model.ties_ = customers, products, ties
        return model
