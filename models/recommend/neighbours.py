"""What customers with a like basket buy: nearest customers on faded purchase histories."""

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
    row_numbers,
    rows_at,
)
from models.recommend.topk import score_in_blocks, tie_order, top_per_row
from models.state import load_state, save_state


class Neighbours:
    """Faded purchases of the nearest customers, weighted by cosine.

    The neighbourhood part of TIFU-KNN and UP-CF (Hu et al. 2020; Faggioli et al. 2020); what
    the customer bought themself is the business of :class:`~models.recommend.personal.Personal`.

    Parameters
    ----------
    nearest
        Customers who speak for each customer.
    half_life_days
        Days in which an order's weight halves; None is never.
    max_references
        Customers who may speak: the latest to buy. It bounds the time per customer.

    Attributes
    ----------
    history_ : csr_matrix, shape (n_customers, n_products)
        Faded order counts of each customer.
    references_ : array, shape (<= max_references,)
        Indices of the customers who may speak, ascending.
    ties_ : array, shape (n_products,)
        Place of each product by popularity.
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
        """Keep the histories, and who may speak for others."""
        self.ties_ = tie_order(interactions.popularity())
        self.history_ = interactions.customer_matrix(self.half_life_days)
        last_days = np.full(interactions.n_customers, np.iinfo(np.int64).min)
        np.maximum.at(last_days, interactions.customers, interactions.days)
        latest = np.argsort(-last_days, kind="stable")[: self.max_references]
        self.references_: NDArray[np.int64] = np.sort(latest)
        return self._ready()

    def _ready(self) -> Self:
        """Derive what every question needs from what was learned."""
        self._spoken = self.history_[self.references_]
        self._units = _directions(self.history_)
        self._directions = sparse.csr_matrix(self._units[self.references_].T)
        self._places = np.arange(self.references_.size)
        self._seats = np.full(self.history_.shape[0], -1)
        self._seats[self.references_] = self._places
        return self

    def score(self, customers: Indices, limit: int) -> Candidates:
        """Return what each customer's nearest customers buy, most and latest first."""

        def speak(block: NDArray[np.int64]) -> sparse.csr_matrix[np.float64]:
            cosines = rows_at(self._units, block) @ self._directions
            # Nobody speaks for themself.
            own = np.repeat(self._seats[block], np.diff(cosines.indptr))
            cosines.data[cosines.indices == own] = 0.0
            nearest = top_per_row(cosines, self.nearest, self._places)
            return sparse.csr_matrix(nearest @ self._spoken)

        return score_in_blocks(customers, limit, self.ties_, speak, self.references_.size)

    def similar(self, products: Indices, limit: int) -> Candidates:
        """Return empty rows: neighbours are customers, not products."""
        return top_per_row(sparse.csr_matrix((len(products), self.ties_.size)), limit, self.ties_)

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


def _directions(matrix: sparse.csr_matrix[np.float64]) -> sparse.csr_matrix[np.float64]:
    """Rows scaled to length 1."""
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    scale = 1 / np.where(lengths > 0, lengths, 1.0)
    scaled = matrix.copy()
    scaled.data *= scale[row_numbers(matrix)]
    return scaled
