"""When a product is due: how likely it is bought again after some orders without it."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Final, Self

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
)
from models.recommend.orders import OrderTable, PairTable
from models.recommend.topk import score_in_blocks, tie_order
from models.state import load_state, save_state

_TIMES: Final = np.array([1, 2, 3, 4, 6, 9])
_LAGS: Final = np.array([0, 1, 2, 3, 5, 8, 13])
_DUE: Final = np.array([0.0, 0.5, 1.0, 1.5, 2.5])
"""Lower edges of the cells: times bought, orders since, and orders since over the usual gap."""


class Repurchase:
    """P(bought again in the next order), from a table of the shop's own past.

    The latest order of every customer shows which of the earlier products were bought again. They
    are counted by cells of: times bought before, orders since, and orders since relative to the
    usual gap between purchases. Each cell's share is shrunk to that of its times and orders since.

    Parameters
    ----------
    shrinkage
        Prior observations added to every cell.

    Attributes
    ----------
    chances_ : csr_matrix, shape (n_customers, n_products)
        P(in the next order) of every product that the customer has bought.
    ties_ : array, shape (n_products,)
        Rank of each product by popularity, 0 first.
    """

    name: ClassVar[str] = "repurchase"

    def __init__(self, shrinkage: float = 20.0) -> None:
        self.shrinkage = shrinkage

    def fit(self, interactions: Interactions) -> Self:
        """Fill the table from the latest orders, and look up every customer's products."""
        self.ties_ = tie_order(interactions.popularity())
        orders = OrderTable.from_interactions(interactions)
        latest = orders.lags()[interactions.orders] == 0
        repeated = orders.counts[interactions.customers] > 1
        earlier = interactions.kept(~latest & repeated)
        then = PairTable.from_interactions(earlier, OrderTable.from_interactions(earlier))
        bought = interactions.customers * interactions.n_products + interactions.products
        kept_up = np.isin(then.keys, bought[latest & repeated])
        table = _table(*_cells(then), kept_up, self.shrinkage)
        now = PairTable.from_interactions(interactions, orders)
        coarse, fine = _cells(now)
        shape = (interactions.n_customers, interactions.n_products)
        places = (now.keys // max(shape[1], 1), now.keys % max(shape[1], 1))
        self.chances_: Candidates = sparse.csr_matrix((table[coarse, fine], places), shape=shape)
        return self

    def score(self, customers: Indices, limit: int) -> Candidates:
        """Return the products that each customer is most likely to buy again."""
        return score_in_blocks(
            customers, limit, self.ties_, lambda block: rows_at(self.chances_, block)
        )

    def similar(self, products: Indices, limit: int) -> Candidates:
        """Return empty rows: purchase counts do not compare products."""
        return no_candidates(len(products), self.ties_.size)

    def save(self, folder: Path) -> None:
        """Write parameters and learned state into ``folder``."""
        arrays = matrix_arrays("chances", self.chances_) | {"ties": self.ties_}
        save_state(folder, {"shrinkage": self.shrinkage}, arrays)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what :meth:`save` wrote."""
        parameters, arrays = load_state(folder)
        model = cls(**parameters)
        model.chances_, model.ties_ = matrix_from_arrays("chances", arrays), arrays["ties"]
        return model


def usual_gap(pairs: PairTable) -> NDArray[np.float64]:
    """Mean orders between purchases of each pair; NaN where bought once."""
    gaps = np.full(pairs.times.shape, np.nan)
    span = pairs.first_lag - pairs.last_lag
    np.divide(span, pairs.times - 1, out=gaps, where=pairs.times > 1)
    return gaps


def _cells(pairs: PairTable) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return each pair's cell: by times and lag, and within that by how far it is due."""
    times = np.searchsorted(_TIMES, pairs.times, side="right") - 1
    lags = np.searchsorted(_LAGS, pairs.last_lag, side="right") - 1
    due = np.searchsorted(_DUE, (pairs.last_lag + 1) / usual_gap(pairs), side="right") - 1
    # Bought once there is no usual gap: NaN sorts last, into a cell of its own.
    return times * _LAGS.size + lags, due


def _table(
    coarse: NDArray[np.int64],
    fine: NDArray[np.int64],
    kept_up: NDArray[np.bool_],
    shrinkage: float,
) -> NDArray[np.float32]:
    """Return each cell's share, shrunk to the coarse cell's, which is shrunk to the overall one."""
    shape = (_TIMES.size * _LAGS.size, _DUE.size)
    seen, kept = np.zeros(shape), np.zeros(shape)
    np.add.at(seen, (coarse, fine), 1.0)
    np.add.at(kept, (coarse, fine), kept_up)
    overall = (kept.sum() + 1) / (seen.sum() + 2)
    by_coarse = (kept.sum(axis=1) + shrinkage * overall) / (seen.sum(axis=1) + shrinkage)
    shares = (kept + shrinkage * by_coarse[:, None]) / (seen + shrinkage)
    return np.asarray(shares, dtype=np.float32)
