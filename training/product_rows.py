"""What the server looks up of products and customers: the recommenders' answers as rows."""

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
from models.bundle_schema import BundleColumns as B
from models.next_purchase import NextPurchaseModel
from models.recommend.acceptance import Habits
from models.recommend.content import Content
from models.recommend.cross_sell import AFFINITY, HABIT, TOGETHER, CrossSell
from models.recommend.interactions import Interactions
from models.recommend.likeness import similar_products
from models.recommend.matrices import Candidates, row_numbers
from models.recommend.popular import Popular
from models.recommend.reasons import Ledger, together_share, usual_gaps
from models.recommend.telling import most_telling
from models.recommend.voices import without
from models.sparse_rows import SparseRows

NEIGHBOURS: Final = 50
_LIKE_NEW: Final = 10
"""Products like a new one that say what goes with it."""

Places = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class BasketRows:
    """What completes a cart.

    Attributes
    ----------
    cross_sell, substitutes
        See :class:`models.bundle.Bundle`.
    habit
        Say of a known customer's habits beside what goes with the cart, 0 to 1.
    """

    cross_sell: SparseRows
    substitutes: SparseRows
    habit: float


def described(catalogue: pd.DataFrame, ties: Places) -> Content:
    """Describe every product of the catalogue by name, category and price."""
    names = np.asarray(catalogue[C.PRODUCT_NAME].fillna("").to_numpy(dtype=str))
    known, codes = np.unique(
        np.asarray(catalogue[C.CATEGORY].fillna("").to_numpy(dtype=str)), return_inverse=True
    )
    categories = codes.astype(np.int64) - int(known.size > 0 and known[0] == "")
    prices = catalogue[B.PRICE].to_numpy(dtype=np.float64)
    return Content().fit(names, ties, categories=categories, prices=prices)


def candidate_rows(
    model: NextPurchaseModel, interactions: Interactions, customer_ids: NDArray[np.str_],
    place: Places,
) -> SparseRows:  # fmt: skip
    """Return each customer's own candidates, what they are worth and what accounts for them.

    Parameters
    ----------
    place
        Where each product of ``interactions`` stands in the catalogue.
    """
    scores, chances = model.own_candidates(customer_ids)
    telling = most_telling(interactions, interactions.customer_index(customer_ids), scores)
    because = scores.copy()
    because.data = np.where(telling >= 0, place[telling], -1)
    return ordered_rows(
        {C.SCORE: scores, B.PROBABILITY: chances, B.BECAUSE: because},
        model.blend_.ties_,
        place,
    )


def basket_rows(wide: Interactions, content: Content, window_days: int) -> BasketRows:
    """Learn what completes carts, complements told from substitutes.

    A product that was never bought is completed by what completes those described like it.

    Parameters
    ----------
    wide
        Purchases among the products of the whole catalogue, their categories known.
    window_days
        The latest days, whose orders teach how much a customer's habits say.
    """
    model = CrossSell()
    # Orders of one product each teach no loudness: the defaults stand.
    with suppress(TrainingError):
        model.choose(wide, window_days=window_days)
    model.fit(wide)
    everything = np.arange(wide.n_products)
    goes_with = model.similar(everything, NEIGHBOURS)
    unmet = np.flatnonzero(np.diff(goes_with.indptr) == 0)
    if unmet.size:
        goes_with = _with_rows(goes_with, unmet, content, model)
    support = goes_with.copy()
    support.data = together_share(wide.order_matrix(), goes_with)
    loud = model.known_
    habit = loud.get(HABIT, 0.0) + loud.get(AFFINITY, 0.0)
    return BasketRows(
        ordered_rows({C.SCORE: goes_with, B.SUPPORT: support}, model.ties_),
        ordered_rows({C.SCORE: model.alternatives(everything, NEIGHBOURS)}, model.ties_),
        habit / max(habit + loud.get(TOGETHER, 0.0), 1e-9),
    )


def _with_rows(
    goes_with: Candidates, unmet: Places, content: Content, model: CrossSell
) -> Candidates:
    """Fill the empty rows by what completes the products described like each."""
    said = sparse.csr_matrix(content.similar(unmet, _LIKE_NEW) @ goes_with)
    themselves = sparse.csr_matrix(
        (np.ones(unmet.size), (np.arange(unmet.size), unmet)), shape=said.shape
    )
    filled = without(said, themselves, NEIGHBOURS, model.ties_).tocoo()
    rows = sparse.csr_matrix((filled.data, (unmet[filled.row], filled.col)), shape=goes_with.shape)
    return sparse.csr_matrix(goes_with + rows)


def likeness_rows(wide: Interactions, content: Content) -> SparseRows:
    """Return what a fresh look at each product speaks for."""
    return ordered_rows({C.SCORE: similar_products(wide, content, NEIGHBOURS)}, content.ties_)


def bought_rows(wide: Interactions, customer_ids: NDArray[np.str_]) -> SparseRows:
    """Return how often, when last and how regularly each customer bought each product."""
    times = wide.customer_matrix()
    ledger = Ledger.of(wide)
    # The ledger's pairs are the matrix's entries, both by customer and product.
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


def popular_row(interactions: Interactions, place: Places) -> SparseRows:
    """Return the popular list and each product's share of recent orders."""
    habits = Habits.from_interactions(interactions, np.array([-1]))
    popular = Popular().fit(interactions)
    scores = popular.score(np.array([-1]), interactions.n_products)
    share = scores.copy()
    share.data = np.clip(habits.popularity_share[scores.indices], 0.0, 1.0).astype(np.float32)
    return ordered_rows({C.SCORE: scores, B.PROBABILITY: share}, popular.ties_, place)


def product_habits(wide: Interactions) -> pd.DataFrame:
    """Return how products are bought again: one row per product of the catalogue.

    ``usual_gap_days`` is the median over the days between purchases of one customer, NaN where
    nobody bought it on two days; ``repeat_share`` is the share of its buyers who did, NaN
    without buyers.
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
    values: dict[str, sparse.csr_matrix[Any]], ties: Places, place: Places | None = None
) -> SparseRows:
    """Turn matrices of one pattern into rows sorted by score, best first.

    Ties go by popularity, as everywhere. Columns are renumbered by ``place`` where it is given.
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


def _spread_rows(rows: SparseRows, place: Places, height: int) -> SparseRows:
    """Move row ``i`` to row ``place[i]`` of a taller matrix; ``place`` ascends."""
    lengths = np.zeros(height, dtype=np.int64)
    lengths[place] = np.diff(rows.indptr)
    return SparseRows(np.concatenate([[0], np.cumsum(lengths)]), rows.indices, rows.values)
