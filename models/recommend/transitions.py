"""What follows what: from the products of one order to those of the customer's next."""

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
    rows_of,
)
from models.recommend.orders import OrderTable
from models.recommend.topk import score_in_blocks, tie_order, top_per_row
from models.state import load_state, save_state


class Transitions:
    """First-order Markov chain over baskets, applied to the customer's latest order.

    ``P(j next | i now) = c_ij / (c_i + shrinkage)``, where ``c_ij`` counts pairs of consecutive
    orders of one customer with i in the first and j in the second (the unfactored chain of
    Rendle, Freudenthaler & Schmidt-Thieme 2010); a customer's score is the mean over the
    products of the latest order.

    Parameters
    ----------
    shrinkage
        Prior orders added to the denominator: one or two observations prove little.
    followers
        Most followers kept per product.

    Attributes
    ----------
    chances_ : csr_matrix, shape (n_products, n_products)
        Shrunk P(column in the next order | row in this one).
    latest_ : csr_matrix, shape (n_customers, n_products)
        Latest order of each customer, rows summing to 1.
    ties_ : array, shape (n_products,)
        Rank of each product by popularity, 0 first.
    """

    name: ClassVar[str] = "transitions"

    def __init__(self, shrinkage: float = 5.0, followers: int = 100) -> None:
        self.shrinkage = shrinkage
        self.followers = followers

    def fit(self, interactions: Interactions) -> Self:
        """Count pairs of products in consecutive orders."""
        self.ties_ = tie_order(interactions.popularity())
        orders = OrderTable.from_interactions(interactions)
        baskets = interactions.order_matrix()
        sequence = np.lexsort((orders.numbers, orders.customers))
        same = orders.customers[sequence[1:]] == orders.customers[sequence[:-1]]
        before, after = baskets[sequence[:-1][same]], baskets[sequence[1:][same]]
        counts = np.bincount(before.indices, minlength=interactions.n_products)
        chances = sparse.csr_matrix(before.T @ after)
        chances.data /= (counts + self.shrinkage)[row_numbers(chances)]
        self.chances_ = top_per_row(chances, self.followers, self.ties_)
        latest = orders.lags()[interactions.orders] == 0
        shares = 1 / orders.sizes[interactions.orders[latest]]
        places = (interactions.customers[latest], interactions.products[latest])
        shape = (interactions.n_customers, interactions.n_products)
        self.latest_: Candidates = sparse.csr_matrix(
            (shares.astype(np.float32), places), shape=shape
        )
        return self

    def score(self, customers: Indices, limit: int) -> Candidates:
        """Return what is likely to follow each customer's latest order."""
        return score_in_blocks(
            customers,
            limit,
            self.ties_,
            lambda block: rows_at(self.latest_, block) @ self.chances_,
        )

    def similar(self, products: Indices, limit: int) -> Candidates:
        """Return the products that follow each product, itself excluded."""
        followers = rows_of(self.chances_, products)
        asked = np.asarray(products, dtype=np.int64)
        followers.data[asked[row_numbers(followers)] == followers.indices] = 0.0
        return top_per_row(followers, limit, self.ties_)

    def save(self, folder: Path) -> None:
        """Write parameters and learned state into ``folder``."""
        parameters = {"shrinkage": self.shrinkage, "followers": self.followers}
        arrays: dict[str, NDArray[np.generic]] = (
            matrix_arrays("chances", self.chances_)
            | matrix_arrays("latest", self.latest_)
            | {"ties": self.ties_}
        )
        save_state(folder, parameters, arrays)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what :meth:`save` wrote."""
        parameters, arrays = load_state(folder)
        model = cls(**parameters)
        model.chances_ = matrix_from_arrays("chances", arrays)
        model.latest_ = matrix_from_arrays("latest", arrays)
        model.ties_ = arrays["ties"]
        return model
