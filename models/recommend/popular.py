"""Recently popular products, the same for everybody: the first baseline and the last resort."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from models.recommend.interactions import Interactions
from models.recommend.matrices import Candidates, Indices, canonical, no_candidates
from models.recommend.topk import tie_order
from models.state import load_state, save_state

_FLOOR: Final = 1e-6
"""Least share of the top product's weight: what nobody buys now is last, but listed."""


def relative_popularity(
    interactions: Interactions, half_life_days: float | None
) -> NDArray[np.float64]:
    """Faded orders of each product over those of the top one: in (0, 1], shape (n_products,)."""
    counts = interactions.popularity(half_life_days)
    top = counts.max(initial=0.0)
    return np.maximum(counts / (top if top > 0 else 1.0), _FLOOR)


class Popular:
    """Number of orders that contain the product, faded by age, relative to the top product.

    Parameters
    ----------
    half_life_days
        Days in which an order's weight halves; None counts all orders alike.

    Attributes
    ----------
    popularity_ : array, shape (n_products,)
        Faded order counts over the largest one, in (0, 1].
    ties_ : array, shape (n_products,)
        Rank of each product by all-time popularity, 0 first.
    """

    name: ClassVar[str] = "popular"

    def __init__(self, half_life_days: float | None = 14.0) -> None:
        self.half_life_days = half_life_days

    def fit(self, interactions: Interactions) -> Self:
        """Count orders per product."""
        self.popularity_ = relative_popularity(interactions, self.half_life_days)
        self.ties_ = tie_order(interactions.popularity())
        return self._ready()

    def _ready(self) -> Self:
        """List the products once, best first."""
        self._listed = np.lexsort((self.ties_, -self.popularity_.astype(np.float32)))
        return self

    def score(self, customers: Indices, limit: int) -> Candidates:
        """Return the popular list for each customer, known or not."""
        best = np.sort(self._listed[:limit])
        n, scores = len(customers), self.popularity_[best].astype(np.float32)
        parts = (np.tile(scores, n), np.tile(best, n), np.arange(n + 1) * best.size)
        return canonical(parts, (n, self.ties_.size))

    def order(self) -> NDArray[np.int64]:
        """Place of each product in the list, 0 first; shape (n_products,)."""
        places = np.empty(self._listed.size, dtype=np.int64)
        places[self._listed] = np.arange(places.size)
        return places

    def similar(self, products: Indices, limit: int) -> Candidates:
        """Return empty rows: popularity does not compare products."""
        return no_candidates(len(products), self.ties_.size)

    def save(self, folder: Path) -> None:
        """Write parameters and learned state into ``folder``."""
        arrays = {"popularity": self.popularity_, "ties": self.ties_}
        save_state(folder, {"half_life_days": self.half_life_days}, arrays)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what :meth:`save` wrote."""
        parameters, arrays = load_state(folder)
        model = cls(**parameters)
        model.popularity_, model.ties_ = arrays["popularity"], arrays["ties"]
        return model._ready()
