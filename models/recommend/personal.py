"""What the customer buys again and again: personal frequency, recent and current first."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

from models.recommend.interactions import Interactions
from models.recommend.matrices import (
    Candidates,
    Indices,
    matrix_arrays,
    matrix_from_arrays,
    no_candidates,
    rows_at,
)
from models.recommend.popular import relative_popularity
from models.recommend.topk import score_in_blocks, tie_order
from models.state import load_state, save_state


class Personal:
    """Orders of the customer that contain the product, faded by age, times its present trend.

    Where goods come and go, the trend keeps a habit from pointing at what the shop has stopped
    selling or sells in another season.

    Parameters
    ----------
    half_life_days
        Days in which an order's weight halves; None counts all orders alike.
    trend_half_life_days
        The same for the orders that make up the product's trend.
    trend_exponent
        Power of the trend, the faded orders of all customers relative to the top product;
        0 leaves the habit alone.

    Attributes
    ----------
    weights_ : csr_matrix, shape (n_customers, n_products)
        Faded order counts times trend.
    ties_ : array, shape (n_products,)
        Rank of each product by popularity, 0 first.
    """

    name: ClassVar[str] = "personal"

    def __init__(
        self,
        half_life_days: float | None = 180.0,
        trend_half_life_days: float | None = 14.0,
        trend_exponent: float = 0.3,
    ) -> None:
        self.half_life_days = half_life_days
        self.trend_half_life_days = trend_half_life_days
        self.trend_exponent = trend_exponent

    def fit(self, interactions: Interactions) -> Self:
        """Count orders per customer and product."""
        self.ties_ = tie_order(interactions.popularity())
        self.weights_ = interactions.customer_matrix(self.half_life_days)
        trend = relative_popularity(interactions, self.trend_half_life_days)
        self.weights_.data *= trend[self.weights_.indices] ** self.trend_exponent
        return self

    def score(self, customers: Indices, limit: int) -> Candidates:
        """Return the products that each customer bought, most and latest first."""
        return score_in_blocks(
            customers, limit, self.ties_, lambda block: rows_at(self.weights_, block)
        )

    def similar(self, products: Indices, limit: int) -> Candidates:
        """Return empty rows: purchase counts do not compare products."""
        return no_candidates(len(products), self.ties_.size)

    def save(self, folder: Path) -> None:
        """Write parameters and learned state into ``folder``."""
        parameters = {
            "half_life_days": self.half_life_days,
            "trend_half_life_days": self.trend_half_life_days,
            "trend_exponent": self.trend_exponent,
        }
        save_state(
            folder, parameters, matrix_arrays("weights", self.weights_) | {"ties": self.ties_}
        )

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what :meth:`save` wrote."""
        parameters, arrays = load_state(folder)
        model = cls(**parameters)
        model.weights_, model.ties_ = matrix_from_arrays("weights", arrays), arrays["ties"]
        return model
