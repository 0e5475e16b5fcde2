"""Popularity by number of orders made so far: newcomers do not buy what regulars buy."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from models.recommend.interactions import Interactions
from models.recommend.matrices import Candidates, Indices, canonical, no_candidates
from models.recommend.orders import OrderTable
from models.recommend.topk import ranked_products, tie_order, top_per_row
from models.state import load_state, save_state

_STAGES: Final = np.array([0, 1, 2, 4, 8])
"""Lower edges of the stages, in orders made so far: none, 1, 2 to 3, 4 to 7, 8 or more."""


class Stages:
    """Popularity among the orders made at one stage, shrunk to overall popularity, recent first.

    For a customer with three orders it counts what others bought when they had made two or three.
    Unknown customers are at the stage before the first order.

    Parameters
    ----------
    half_life_days
        Days in which an order's weight halves; None counts all orders alike.
    shrinkage
        Prior orders added to each stage, distributed as all orders are.

    Attributes
    ----------
    popularity_ : array, shape (n_stages, n_products)
        Share of the stage's orders that hold the product.
    stages_ : array, shape (n_customers,)
        Stage of each customer's next order.
    ties_ : array, shape (n_products,)
        Rank of each product by popularity, 0 first.
    """

    name: ClassVar[str] = "stages"

    def __init__(self, half_life_days: float | None = 60.0, shrinkage: float = 200.0) -> None:
        self.half_life_days = half_life_days
        self.shrinkage = shrinkage

    def fit(self, interactions: Interactions) -> Self:
        """Count orders by stage and product."""
        self.ties_ = tie_order(interactions.popularity())
        orders = OrderTable.from_interactions(interactions)
        self.stages_ = _stage(orders.counts)
        entry_stages = _stage(orders.numbers)[interactions.orders]
        weights = interactions.decay(self.half_life_days)
        shape = (_STAGES.size, interactions.n_products)
        cells = entry_stages * shape[1] + interactions.products
        counts = np.bincount(cells, weights, minlength=shape[0] * shape[1]).reshape(shape)
        _, first = np.unique(interactions.orders, return_index=True)
        seen = np.bincount(entry_stages[first], weights[first], minlength=shape[0])
        overall = counts.sum(axis=0) / max(seen.sum(), np.finfo(float).tiny)
        doubt = self.shrinkage * overall
        self.popularity_: NDArray[np.float32] = (
            (counts + doubt) / (seen[:, None] + self.shrinkage)
        ).astype(np.float32)
        return self._ready()

    def _ready(self) -> Self:
        """Rank the products of every stage once, for all calls of :meth:`score`."""
        self._lists = top_per_row(self.popularity_, self.ties_.size, self.ties_)
        self._ranked = ranked_products(self._lists, self.ties_.size, self.ties_)
        return self

    def score(self, customers: Indices, limit: int) -> Candidates:
        """Return what is popular at each customer's stage."""
        wanted = np.asarray(customers, dtype=np.int64)
        stages = np.zeros(wanted.size, dtype=np.int64)
        stages[wanted >= 0] = self.stages_[wanted[wanted >= 0]]
        lengths = np.minimum(np.diff(self._lists.indptr), limit)[stages]
        indptr = np.concatenate(([0], np.cumsum(lengths)))
        # Canonical form wants the products ascending, not best first.
        listed = np.sort(self._ranked[stages, :limit], axis=1)
        products = listed[listed >= 0]
        scores = self.popularity_[np.repeat(stages, lengths), products]
        return canonical((scores, products, indptr), (wanted.size, self.ties_.size))

    def similar(self, products: Indices, limit: int) -> Candidates:
        """Return empty rows: popularity does not compare products."""
        return no_candidates(len(products), self.ties_.size)

    def save(self, folder: Path) -> None:
        """Write parameters and learned state into ``folder``."""
        parameters = {"half_life_days": self.half_life_days, "shrinkage": self.shrinkage}
        arrays: dict[str, NDArray[Any]] = {
            "popularity": self.popularity_,
            "stages": self.stages_,
            "ties": self.ties_,
        }
        save_state(folder, parameters, arrays)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what :meth:`save` wrote."""
        parameters, arrays = load_state(folder)
        model = cls(**parameters)
        model.popularity_, model.stages_ = arrays["popularity"], arrays["stages"]
        model.ties_ = arrays["ties"]
        return model._ready()


def _stage(orders_before: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.searchsorted(_STAGES, orders_before, side="right").astype(np.int64) - 1
