"""What new customers buy first, by a segment known before their first order."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from models.recommend.interactions import Interactions
from models.recommend.matrices import Candidates
from models.recommend.topk import tie_order, top_per_row
from models.state import load_state, save_state


class Newcomers:
    """Share of first orders that hold each product, by customer segment.

    A segment's shares are shrunk to those of all newcomers with the weight of ``prior_orders``.

    Parameters
    ----------
    half_life_days
        Days in which a first order's weight halves; None is never.
    prior_orders
        First orders that the shares of all newcomers count for in a segment.

    Attributes
    ----------
    segments_ : array of names, sorted
    shares_ : array, shape (n_segments + 1, n_products)
        Shrunk shares by segment; the last row is that of all newcomers.
    counts_ : array, shape (n_products,)
        First orders that hold each product, unfaded.
    first_orders_ : int
        First orders in all.
    ties_ : array, shape (n_products,)
        Rank of each product by popularity, 0 first.
    """

    def __init__(self, half_life_days: float | None = 90.0, prior_orders: float = 20.0) -> None:
        self.half_life_days = half_life_days
        self.prior_orders = prior_orders

    def fit(self, interactions: Interactions, segments: ArrayLike) -> Self:
        """Count first orders.

        Parameters
        ----------
        segments
            Segment of each customer as known at sign-up, for example the country or a channel;
            empty where unknown; shape (n_customers,).
        """
        names = np.asarray(segments, dtype=np.str_)
        self.ties_ = tie_order(interactions.popularity())
        entries = _first_order_entries(interactions)
        customers, products = interactions.customers[entries], interactions.products[entries]
        weights = interactions.decay(self.half_life_days)[entries]
        self.first_orders_ = int(np.unique(customers).size)
        self.counts_ = np.bincount(products, minlength=interactions.n_products)
        self.segments_ = np.unique(names[names != ""])
        n = self.segments_.size
        place = np.searchsorted(self.segments_, names) if n else np.zeros(names.size, np.int64)
        place = np.where(names == "", n, place)
        bought = sparse.csr_matrix(
            (weights, (place[customers], products)), shape=(n + 1, interactions.n_products)
        ).toarray()
        once = np.unique(customers, return_index=True)[1]
        orders = np.bincount(place[customers[once]], weights=weights[once], minlength=n + 1)
        everybody = bought.sum(axis=0) / max(orders.sum(), np.finfo(np.float64).tiny)
        shrunk = bought[:n] + self.prior_orders * everybody
        shrunk /= (orders[:n] + self.prior_orders)[:, None]
        self.shares_: NDArray[np.float64] = np.vstack([shrunk, everybody])
        return self

    def score(self, segments: ArrayLike, limit: int) -> Candidates:
        """Return what newcomers of each segment buy first; for an unknown one, all newcomers."""
        names = np.asarray(segments, dtype=np.str_)
        n = self.segments_.size
        rows = np.full(names.size, n)
        if n:
            places = np.minimum(np.searchsorted(self.segments_, names), n - 1)
            rows = np.where(self.segments_[places] == names, places, n)
        best = top_per_row(self.shares_, limit, self.ties_)
        return sparse.csr_matrix(best[rows])

    def shares(self) -> NDArray[np.float64]:
        """Return the share of all first orders that hold each product, not faded."""
        return np.asarray(self.counts_ / max(self.first_orders_, 1), dtype=np.float64)

    def save(self, folder: Path) -> None:
        """Write parameters and learned state into ``folder``."""
        parameters = {"half_life_days": self.half_life_days, "prior_orders": self.prior_orders}
        arrays: dict[str, NDArray[Any]] = {
            "segments": self.segments_,
            "shares": self.shares_,
            "counts": self.counts_,
            "first_orders": np.asarray(self.first_orders_),
            "ties": self.ties_,
        }
        save_state(folder, parameters, arrays)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what :meth:`save` wrote."""
        parameters, arrays = load_state(folder)
        model = cls(**parameters)
        model.segments_, model.shares_ = arrays["segments"], arrays["shares"]
        model.counts_, model.ties_ = arrays["counts"], arrays["ties"]
        model.first_orders_ = int(arrays["first_orders"])
        return model


def _first_order_entries(interactions: Interactions) -> NDArray[np.int64]:
    """Entries of each customer's first order; orders of one day go by their code."""
    order = np.lexsort((interactions.orders, interactions.days, interactions.customers))
    customers = interactions.customers[order]
    start = np.searchsorted(customers, customers)
    first = interactions.orders[order][start] == interactions.orders[order]
    return np.sort(order[first])
