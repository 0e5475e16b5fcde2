"""Plain personal frequency: how often the customer bought each product, ever."""

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
from models.recommend.topk import fill_with_popular, score_in_blocks, tie_order
from models.state import load_state, save_state


class Frequency:
    """Orders of the customer that contain the product, ties by popularity.

    As simple as it is hard to beat where people buy the same things again (Li et al. 2023).

    Parameters
    ----------
    popular_fill
        Complete short and unknown rows with the most popular products: the usual baseline.

    Attributes
    ----------
    counts_ : csr_matrix, shape (n_customers, n_products)
        Orders that contain the product.
    ties_ : array, shape (n_products,)
        Rank of each product by popularity, 0 first.
    """

    name: ClassVar[str] = "frequency"

    def __init__(self, *, popular_fill: bool = False) -> None:
        self.popular_fill = popular_fill

    def fit(self, interactions: Interactions) -> Self:
        """Count orders per customer and product."""
        self.ties_ = tie_order(interactions.popularity())
        self.counts_ = interactions.customer_matrix()
        return self

    def score(self, customers: Indices, limit: int) -> Candidates:
        """Return the products that each customer bought, most often first."""
        own = score_in_blocks(
            customers, limit, self.ties_, lambda block: rows_at(self.counts_, block)
        )
        return fill_with_popular(own, limit, self.ties_) if self.popular_fill else own

    def similar(self, products: Indices, limit: int) -> Candidates:
        """Return empty rows: purchase counts do not compare products."""
        return no_candidates(len(products), self.ties_.size)

    def save(self, folder: Path) -> None:
        """Write parameters and learned state into ``folder``."""
        arrays = matrix_arrays("counts", self.counts_) | {"ties": self.ties_}
        save_state(folder, {"popular_fill": self.popular_fill}, arrays)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what :meth:`save` wrote."""
        parameters, arrays = load_state(folder)
        model = cls(**parameters)
        model.counts_, model.ties_ = matrix_from_arrays("counts", arrays), arrays["ties"]
        return model
