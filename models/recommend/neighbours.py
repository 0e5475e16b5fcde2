"""What similar customers buy: the nearest customers by faded purchase histories."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.recommend.interactions import Interactions
from models.recommend.matrices import (
    Candidates,
    Indices,
    matrix_arrays,
    matrix_from_arrays,
    no_candidates,
    rows_at,
    unit_rows,
)
from models.recommend.topk import score_in_blocks, tie_order, top_per_row
from models.state import load_state, save_state


class Neighbours:
    """Faded purchases of the nearest customers, weighted by cosine.

    The neighbourhood part of TIFU-KNN and UP-CF (Hu et al. 2020; Faggioli et al. 2020); the part
    of the customer's own purchases is :class:`~models.recommend.personal.Personal`.

    Parameters
    ----------
    nearest
        Neighbours of each customer.
    half_life_days
        Days in which an order's weight halves; None is never.
    max_references
        Customers who can be neighbours: the latest to buy. It bounds the time per customer.

    Attributes
    ----------
    history_ : csr_matrix, shape (n_customers, n_products)
        Faded order counts of each customer.
    references_ : array, shape (<= max_references,)
        Indices of the customers who can be neighbours, ascending.
    ties_ : array, shape (n_products,)
        Rank of each product by popularity, 0 first.
    """

    name: ClassVar[str] = "neighbours"

    def __init__(
        self,
        nearest: int = 50,
        half_life_days: float | None = 90.0,
        max_references: int = 20_000,
    ) -> None:
        self.nearest = nearest
        self.half_life_days = half_life_days
        self.max_references = max_references

    def fit(self, interactions: Interactions) -> Self:
        """Keep the histories, and choose who can be a neighbour."""
        self.ties_ = tie_order(interactions.popularity())
        self.history_ = interactions.customer_matrix(self.half_life_days)
        last_days = np.full(interactions.n_customers, np.iinfo(np.int64).min)
        np.maximum.at(last_days, interactions.customers, interactions.days)
        latest = np.argsort(-last_days, kind="stable")[: self.max_references]
        self.references_: NDArray[np.int64] = np.sort(latest)
        return self._ready()

    def _ready(self) -> Self:
        """Derive from the learned state what every call of :meth:`score` needs."""
        self._purchases = self.history_[self.references_]
        self._directions = unit_rows(self.history_)
        self._reference_directions = sparse.csr_matrix(self._directions[self.references_].T)
        self._order = np.arange(self.references_.size)
        self._reference_of = np.full(self.history_.shape[0], -1)
        self._reference_of[self.references_] = self._order
        return self

    def score(self, customers: Indices, limit: int) -> Candidates:
        """Return what each customer's nearest customers buy, most and latest first."""

        def by_neighbours(block: NDArray[np.int64]) -> sparse.csr_matrix[np.float64]:
            cosines = rows_at(self._directions, block) @ self._reference_directions
            # Nobody is their own neighbour.
            own = np.repeat(self._reference_of[block], np.diff(cosines.indptr))
            cosines.data[cosines.indices == own] = 0.0
            nearest = top_per_row(cosines, self.nearest, self._order)
            return sparse.csr_matrix(nearest @ self._purchases)

        return score_in_blocks(customers, limit, self.ties_, by_neighbours, self.references_.size)

    def similar(self, products: Indices, limit: int) -> Candidates:
        """Return empty rows: neighbours are customers, not products."""
        return no_candidates(len(products), self.ties_.size)

    def save(self, folder: Path) -> None:
        """Write parameters and learned state into ``folder``."""
        parameters = {
            "nearest": self.nearest,
            "half_life_days": self.half_life_days,
            "max_references": self.max_references,
        }
        arrays = matrix_arrays("history", self.history_)
        save_state(
            folder, parameters, arrays | {"references": self.references_, "ties": self.ties_}
        )

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what :meth:`save` wrote."""
        parameters, arrays = load_state(folder)
        model = cls(**parameters)
        model.history_ = matrix_from_arrays("history", arrays)
        model.references_, model.ties_ = arrays["references"], arrays["ties"]
        return model._ready()
