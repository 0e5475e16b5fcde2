"""Bayesian personalised ranking (Rendle et al. 2009): factors that rank bought above not bought."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from implicit.cpu.bpr import BayesianPersonalizedRanking
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from models.recommend.factors import (
    inner_products,
    load_factors,
    nearest_products,
    on_grid,
    save_factors,
)
from models.recommend.interactions import Interactions
from models.recommend.matrices import Candidates, Indices
from models.recommend.topk import score_in_blocks, tie_order


class Bpr:
    """Factors whose inner product, plus the product's bias, orders what a customer would buy.

    Fitted by ``implicit`` on one thread, which makes it reproducible. Only whether a product was
    bought counts, not how often.

    Parameters
    ----------
    factors
        Number of factors, without the bias.
    learning_rate, regularization, iterations
        Of the stochastic descent.
    seed
        Of the starting values and of the pairs drawn.

    Attributes
    ----------
    customer_factors_ : array, shape (n_customers, factors + 1)
        The last is 1.
    product_factors_ : array, shape (n_products, factors + 1)
        The last is the product's bias.
    ties_ : array, shape (n_products,)
        Rank of each product by popularity, 0 first.
    """

    name: ClassVar[str] = "bpr"

    def __init__(
        self,
        factors: int = 64,
        learning_rate: float = 0.05,
        regularization: float = 0.01,
        iterations: int = 100,
        seed: int = 0,
    ) -> None:
        self.factors = factors
        self.learning_rate = learning_rate
        self.regularization = regularization
        self.iterations = iterations
        self.seed = seed

    def fit(self, interactions: Interactions) -> Self:
        """Descend over pairs of a bought product and one that was not."""
        self.ties_ = tie_order(interactions.popularity())
        bought = interactions.customer_matrix().astype(np.float32)
        nowhere = np.zeros((0, self.factors + 1))
        self.customer_factors_: NDArray[np.float32] = nowhere.astype(np.float32)
        self.product_factors_: NDArray[np.float64] = nowhere
        if bought.nnz == 0:
            return self
        with threadpool_limits(1, "blas"):
            solver = BayesianPersonalizedRanking(
                factors=self.factors,
                learning_rate=self.learning_rate,
                regularization=self.regularization,
                iterations=self.iterations,
                num_threads=1,
                random_state=self.seed,
            )
            solver.fit(bought, show_progress=False)
        self.customer_factors_ = on_grid(solver.user_factors)
        self.product_factors_ = on_grid(solver.item_factors).astype(np.float64)
        return self

    def score(self, customers: Indices, limit: int) -> Candidates:
        """Return the products in the order of their preference, as ``log(1 + exp(preference))``.

        The preference itself only orders products, and may be negative for all of them.
        """
        return score_in_blocks(
            customers,
            limit,
            self.ties_,
            lambda block: np.logaddexp(
                0.0, inner_products(self.customer_factors_[block], self.product_factors_)
            ),
        )

    def similar(self, products: Indices, limit: int) -> Candidates:
        """Return the products whose factors, without the bias, have the largest cosine."""
        return nearest_products(self.product_factors_[:, :-1], products, limit, self.ties_)

    def save(self, folder: Path) -> None:
        """Write parameters and learned state into ``folder``."""
        parameters = {
            "factors": self.factors,
            "learning_rate": self.learning_rate,
            "regularization": self.regularization,
            "iterations": self.iterations,
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
