"""The recommenders' answers, computed ahead of requests, as sparse rows of the bundle."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from features.errors import TrainingError
from features.vocabulary import Columns as C
from models.bundle.schema import BundleColumns as B
from models.bundle.sparse_rows import SparseRows
from models.next_purchase import NextPurchaseModel
from models.recommend.acceptance import Habits
from models.recommend.combining import without
from models.recommend.content import Content
from models.recommend.cross_sell import AFFINITY, HABIT, TOGETHER, CrossSell
from models.recommend.explaining import explaining_products
from models.recommend.interactions import Interactions
from models.recommend.matrices import Candidates, row_numbers
from models.recommend.popular import Popular
from models.recommend.reasons import Ledger, together_share, usual_gaps
from models.recommend.similarity import similar_products

NEIGHBOURS: Final = 50
_SIMILAR_TO_NEW: Final = 10
"""Similar products from which a product without orders takes its cross-sell products."""

Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class BasketRows:
    """What completes a cart.

    Attributes
    ----------
    cross_sell, substitutes
        See :class:`models.bundle.folder.Bundle`.
    habit
        Weight of a known customer's habits beside what is ordered with the cart, 0 to 1.
    """

    cross_sell: SparseRows
    substitutes: SparseRows
    habit: float


def described(catalogue: pd.DataFrame, ties: Indices) -> Content:
    """Fit the content model on every product of the catalogue: name, category and price."""
    names = np.asarray(catalogue[C.PRODUCT_NAME].fillna("").to_numpy(dtype=str))
    known, codes = np.unique(
        np.asarray(catalogue[C.CATEGORY].fillna("").to_numpy(dtype=str)), return_inverse=True
    )
    categories = codes.astype(np.int64) - int(known.size > 0 and known[0] == "")
    prices = catalogue[B.PRICE].to_numpy(dtype=np.float64)
    return Content().fit(names, ties, categories=categories, prices=prices)


def candidate_rows(
    model: NextPurchaseModel, interactions: Interactions, customer_ids: NDArray[np.str_],
    place: Indices,
) -> SparseRows:  # fmt: skip
    """Return each customer's personal candidates: score, probability and explaining purchase.

    Parameters
    ----------
    place
        Position in the catalogue of each product of ``interactions``.
    """
    scores, chances = model.own_candidates(customer_ids)
    customers = interactions.customer_index(customer_ids)
    explaining = explaining_products(interactions, customers, scores)
    because = scores.copy()
    because.data = np.where(explaining >= 0, place[explaining], -1)
    return ordered_rows(
        {C.SCORE: scores, B.PROBABILITY: chances, B.BECAUSE: because},
        model.blend_.ties_,
        place,
    )


def basket_rows(wide: Interactions, content: Content, window_days: int) -> BasketRows:
    """Learn what completes a cart, and what replaces each product.

    A product that was never ordered takes the cross-sell products of those described like it.

    Parameters
    ----------
    wide
        Purchases among the products of the whole catalogue, with categories.
    window_days
        The latest days, on whose orders the weight of a customer's habits is learned.
    """
    model = CrossSell()
    # If all orders hold a single product there is nothing to learn from: the defaults are kept.
    with suppress(TrainingError):
        model.choose(wide, window_days=window_days)
    model.fit(wide)
    everything = np.arange(wide.n_products)
    together = model.similar(everything, NEIGHBOURS)
    empty = np.flatnonzero(np.diff(together.indptr) == 0)
    if empty.size:
        together = _filled(together, empty, content, model)
    support = together.copy()
    support.data = together_share(wide.order_matrix(), together)
    weights = model.known_weights_
    habit = weights.get(HABIT, 0.0) + weights.get(AFFINITY, 0.0)
    return BasketRows(
        ordered_rows({C.SCORE: together, B.SUPPORT: support}, model.ties_),
        ordered_rows({C.SCORE: model.alternatives(everything, NEIGHBOURS)}, model.ties_),
        habit / max(habit + weights.get(TOGETHER, 0.0), 1e-9),
    )


def _filled(together: Candidates, empty: Indices, content: Content, model: CrossSell) -> Candidates:
    """Fill the empty rows from the rows of the products that are described alike."""
    borrowed = sparse.csr_matrix(content.similar(empty, _SIMILAR_TO_NEW) @ together)
    themselves = sparse.csr_matrix(
        (np.ones(empty.size), (np.arange(empty.size), empty)), shape=borrowed.shape
    )
    best = without(borrowed, themselves, NEIGHBOURS, model.ties_).tocoo()
    rows = sparse.csr_matrix((best.data, (empty[best.row], best.col)), shape=together.shape)
    return sparse.csr_matrix(together + rows)


def similar_rows(wide: Interactions, content: Content) -> SparseRows:
    """Return the products to show to somebody who just looked at each product."""
    return ordered_rows({C.SCORE: similar_products(wide, content, NEIGHBOURS)}, content.ties_)


def bought_rows(wide: Interactions, customer_ids: NDArray[np.str_]) -> SparseRows:
    """Return how often, when last and at which intervals each customer bought each product."""
    times = wide.customer_matrix()
    ledger = Ledger.of(wide)
    # The ledger's pairs are the matrix's entries: both are sorted by customer and product.
    last = ledger.days[ledger.starts[1:] - 1]
    rows = SparseRows(
        times.indptr.astype(np.int64),
        times.indices.astype(np.int32),
        {
            B.TIMES: times.data.astype(np.int32),
            B.LAST_DAY: last.astype(np.int32),
            B.USUAL_GAP_DAYS: np.nan_to_num(usual_gaps(ledger), nan=0.0),
        },
    )
    where = np.searchsorted(customer_ids, wide.customer_ids)
    return _spread_rows(rows, where, len(customer_ids))


def popular_row(interactions: Interactions, place: Indices) -> SparseRows:
    """Return the popular list and each product's share of recent orders."""
    habits = Habits.from_interactions(interactions, np.array([-1]))
    popular = Popular().fit(interactions)
    scores = popular.score(np.array([-1]), interactions.n_products)
    share = scores.copy()
    share.data = np.clip(habits.popularity_share[scores.indices], 0.0, 1.0).astype(np.float32)
    return ordered_rows({C.SCORE: scores, B.PROBABILITY: share}, popular.ties_, place)


def product_habits(wide: Interactions) -> pd.DataFrame:
    """Return how each product of the catalogue is bought again, one row per product.

    ``usual_gap_days`` is the median number of days between two purchases by one customer, NaN if
    nobody bought it on two days; ``repeat_share`` is the share of its buyers who did, NaN without
    buyers.
    """
    ledger = Ledger.of(wide)
    pairs = np.repeat(np.arange(ledger.pair_keys.size), np.diff(ledger.starts))
    gaps = np.diff(ledger.days, prepend=0)
    again = (np.diff(pairs, prepend=-1) == 0) & (gaps > 0)
    products = ledger.pair_keys % max(wide.n_products, 1)
    buyers = np.bincount(products, minlength=wide.n_products)
    repeaters = np.bincount(products[np.unique(pairs[again])], minlength=wide.n_products)
    share = np.full(wide.n_products, np.nan)
    np.divide(repeaters, buyers, out=share, where=buyers > 0)
    usual = pd.Series(gaps[again]).groupby(products[pairs[again]]).median()
    usual_gap = usual.reindex(np.arange(wide.n_products)).to_numpy(dtype=np.float64)
    return pd.DataFrame({B.USUAL_GAP_DAYS: usual_gap, B.REPEAT_SHARE: share})


def ordered_rows(
    values: dict[str, sparse.csr_matrix[Any]], ties: Indices, place: Indices | None = None
) -> SparseRows:
    """Turn matrices with the same entries into rows sorted by score, best first.

    Ties go by popularity, as everywhere. ``place`` renumbers the columns.
    """
    by = values[C.SCORE]
    order = np.lexsort((ties[by.indices], -by.data, row_numbers(by)))
    columns = by.indices[order] if place is None else place[by.indices[order]]
    types = {B.BECAUSE: np.int32}
    return SparseRows(
        by.indptr.astype(np.int64),
        columns.astype(np.int32),
        {
            name: matrix.data[order].astype(types.get(name, np.float32))
            for name, matrix in values.items()
        },
    )


def _spread_rows(rows: SparseRows, place: Indices, height: int) -> SparseRows:
    """Move row ``i`` to row ``place[i]`` of a matrix of ``height`` rows; ``place`` ascends."""
    lengths = np.zeros(height, dtype=np.int64)
    lengths[place] = np.diff(rows.indptr)
    return SparseRows(np.concatenate([[0], np.cumsum(lengths)]), rows.indices, rows.values)
