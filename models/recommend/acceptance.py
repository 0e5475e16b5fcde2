"""From a candidate's rank and score to a calibrated probability, to be multiplied with money.

``P(product in the customer's next order | the customer orders)``, learned on a validation
window: what was recommended at its cutoff, and what each customer's next order contained.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from features.errors import TrainingError
from models.recommend.interactions import Interactions
from models.recommend.matrices import Candidates, Indices, entries_in, row_numbers
from models.recommend.topk import ranks
from models.state import load_state, save_state

FEATURE_NAMES: Final = (
    "log_rank",
    "log_score",
    "score",
    "log_personal_share",
    "personal_share",
    "log_popularity_share",
    "log_basket_size",
)
"""The features of the regression. The personal share enters as it is and as a logarithm: with one
of them alone probabilities are miscalibrated."""

_TREND_HALF_LIFE_DAYS: Final = 30.0


@dataclass(frozen=True, eq=False)
class Habits:
    """What is known about customers and products beside the blend's score.

    Attributes
    ----------
    personal_share : csr_matrix, shape (n, n_products)
        Orders with the product over orders plus one: a single order is not yet a habit.
    popularity_share : array, shape (n_products,)
        Share of recent orders (half-life 30 days) that contain the product.
    basket_size : array, shape (n,)
        Mean products per order; over everybody's orders for unknown customers.
    """

    personal_share: sparse.csr_matrix[np.float64]
    popularity_share: NDArray[np.float64]
    basket_size: NDArray[np.float64]

    @classmethod
    def from_interactions(cls, interactions: Interactions, customers: Indices) -> Self:
        """Describe customers (-1 for unknown ones) as of the cutoff."""
        wanted = np.asarray(customers, dtype=np.int64)
        ordering, first = np.unique(interactions.orders, return_index=True)
        orders = np.bincount(interactions.customers[first], minlength=interactions.n_customers)
        times = interactions.customer_matrix()
        times.data /= (orders + 1.0)[row_numbers(times)]
        unknown = sparse.csr_matrix(np.zeros((1, interactions.n_products)))
        # Index -1, an unknown customer, selects the empty row appended last.
        shares = sparse.csr_matrix(sparse.vstack([times, unknown], format="csr")[wanted])
        lines = np.bincount(interactions.customers, minlength=interactions.n_customers)
        mean_size = interactions.orders.size / max(ordering.size, 1)
        sizes = np.append(lines / np.maximum(orders, 1), mean_size)
        faded_orders = interactions.decay(_TREND_HALF_LIFE_DAYS)[first].sum()
        popularity = interactions.popularity(_TREND_HALF_LIFE_DAYS)
        return cls(shares, popularity / max(faded_orders, 1e-12), sizes[wanted])


class Acceptance:
    """Logistic regression on rank, score, habit, popularity and basket size.

    Attributes
    ----------
    coefficients_ : array, shape (8,)
        Intercept first, then in the order of ``FEATURE_NAMES``.
    """

    def fit(
        self,
        candidates: Candidates,
        truth: sparse.csr_matrix[Any],
        habits: Habits,
        ties: NDArray[np.int64],
    ) -> Self:
        """Fit on the candidates of customers whose next order is known.

        Parameters
        ----------
        candidates
            As they are served: same blend, same number per customer; shape (n, n_products).
        truth
            Products of each customer's next order; shape (n, n_products).
        habits
            Of the same n customers at the same cutoff.
        ties
            Rank of each product by popularity.

        Raises
        ------
        TrainingError
            If no candidate, or every one, was bought.
        """
        bought = entries_in(candidates, truth)
        if bought.all() or not bought.any():
            raise TrainingError(
                f"{int(bought.sum())} of {bought.size} recommended products were bought in the "
                "validation window, which teaches no probability.",
                "Give a longer history, or a validation window in which customers order.",
            )
        features = _features(candidates, habits, ties)
        centre, spread = features.mean(axis=0), features.std(axis=0)
        spread[spread == 0] = 1.0
        solver = LogisticRegression(C=1_000.0, max_iter=1_000)
        solver.fit((features - centre) / spread, bought)
        slopes = solver.coef_[0] / spread
        intercept = solver.intercept_[0] - slopes @ centre
        self.coefficients_: NDArray[np.float64] = np.concatenate(([intercept], slopes))
        return self

    def predict(
        self, candidates: Candidates, habits: Habits, ties: NDArray[np.int64]
    ) -> Candidates:
        """Return the probability of every candidate, stored where its score is."""
        features = _features(candidates, habits, ties)
        chances = expit(self.coefficients_[0] + features @ self.coefficients_[1:])
        parts = (chances.astype(np.float32), candidates.indices, candidates.indptr)
        return sparse.csr_matrix(parts, shape=candidates.shape)

    def save(self, folder: Path) -> None:
        """Write the learned coefficients into ``folder``."""
        save_state(folder, {"features": FEATURE_NAMES}, {"coefficients": self.coefficients_})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what :meth:`save` wrote."""
        _, arrays = load_state(folder)
        model = cls()
        model.coefficients_ = arrays["coefficients"]
        return model


def _features(
    candidates: Candidates, habits: Habits, ties: NDArray[np.int64]
) -> NDArray[np.float64]:
    """One row per stored candidate, one column per name of ``FEATURE_NAMES``."""
    rows, products = row_numbers(candidates), candidates.indices
    personal = np.asarray(habits.personal_share[rows, products], dtype=np.float64).ravel()
    score = candidates.data.astype(np.float64)
    columns = (
        np.log(ranks(candidates, ties)),
        np.log(score),
        score,
        np.log(personal + 0.01),
        personal,
        np.log(habits.popularity_share[products] + 1e-5),
        np.log(habits.basket_size[rows] + 1),
    )
    return np.stack(columns, axis=1)
