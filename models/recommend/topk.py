"""The best products of each row, with ties broken by popularity and then by id.

Every recommender's answer is cut here, so that neither another run nor another order of the input
rows changes which product comes tenth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.recommend.matrices import Candidates, Indices, canonical, row_numbers, spread, stack

Scores = sparse.csr_matrix[Any] | NDArray[Any]

_CELLS_PER_BLOCK: Final = 1_000_000
"""Scores held at once, about 4 MB in float32: bounds memory, and stays within the processor's
caches, outside of which it takes twice the time."""

_LONG_ROWS: Final = 4
"""How many times ``limit`` the mean row must hold for cutting rows one by one to pay."""


def tie_order(popularity: NDArray[Any]) -> NDArray[np.int64]:
    """Return each product's rank by popularity, 0 first; equals by position, that is by id."""
    ranked = np.argsort(-np.asarray(popularity), kind="stable")
    order = np.empty(ranked.size, dtype=np.int64)
    order[ranked] = np.arange(ranked.size)
    return order


def top_per_row(scores: Scores, limit: int, ties: NDArray[np.int64]) -> Candidates:
    """Keep the ``limit`` best strictly positive scores of each row.

    Parameters
    ----------
    scores
        Shape (n, n_products), dense or sparse. Rounded to float32 before comparing, so what
        is compared is what is stored.
    limit
        Most entries to keep per row.
    ties
        From :func:`tie_order`; shape (n_products,).

    Returns
    -------
    Candidates
        Canonical CSR (columns ascending) of at most ``limit`` positive scores per row.
    """
    long = _LONG_ROWS * limit * scores.shape[0]
    if not isinstance(scores, np.ndarray) and 0 < long < scores.nnz:
        scores = _contenders(scores, limit)
    blocks = [
        _select(*_padded(scores, start, stop, ties), limit, ties.size)
        for start, stop in _row_blocks(scores)
    ]
    return stack(blocks, ties.size)


def _contenders(scores: sparse.csr_matrix[Any], limit: int) -> sparse.csr_matrix[np.float32]:
    """Drop what is below the ``limit``-th of its row; ties are kept.

    Long rows of uneven length are cut one by one: padded to a rectangle they would be mostly zeros.
    """
    lengths, values = np.diff(scores.indptr), scores.data.astype(np.float32)
    least = np.zeros(lengths.size, dtype=np.float32)
    for row in np.flatnonzero(lengths > limit):
        own = values[scores.indptr[row] : scores.indptr[row + 1]]
        least[row] = np.partition(own, own.size - limit)[own.size - limit]
    kept = (values > 0) & (values >= np.repeat(least, lengths))
    before = np.concatenate(([0], np.cumsum(kept)))
    parts = (values[kept], scores.indices[kept], before[scores.indptr])
    return sparse.csr_matrix(parts, shape=scores.shape)


def score_in_blocks(
    customers: Indices,
    limit: int,
    ties: NDArray[np.int64],
    score_block: Callable[[NDArray[np.int64]], Scores],
    width: int = 0,
) -> Candidates:
    """Score known customers block by block and give unknown ones (negative) empty rows.

    Parameters
    ----------
    score_block
        From m customer indices to their scores, shape (m, n_products).
    width
        Numbers held per customer while scoring, if more than the products.
    """
    wanted = np.asarray(customers, dtype=np.int64)
    known = wanted[wanted >= 0]
    size = max(_CELLS_PER_BLOCK // max(ties.size, width, 1), 1)
    blocks = [
        top_per_row(score_block(known[start : start + size]), limit, ties)
        for start in range(0, known.size, size)
    ]
    return spread(stack(blocks, ties.size), wanted >= 0)


def ranked_products(
    candidates: Candidates, limit: int, ties: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return each row's products from best to worst: shape (n, limit), -1 where a row is short."""
    ranked = np.full((candidates.shape[0], limit), -1, dtype=np.int64)
    for start, stop in _row_blocks(candidates):
        values, products, places = _padded(candidates, start, stop, ties)
        rows, ranks_in_row, cells = best_cells(values, places, limit)
        ranked[start + rows, ranks_in_row] = products[rows, cells]
    return ranked


def ranks(candidates: Candidates, ties: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return each stored score's rank within its row, 1 for the best, in the order of storage."""
    rows = row_numbers(candidates)
    order = np.lexsort((ties[candidates.indices], -candidates.data, rows))
    ranked = np.empty(order.size, dtype=np.int64)
    # The sort keeps each row where it was: positions less the row's start are ranks.
    ranked[order] = np.arange(order.size) - candidates.indptr[rows[order]] + 1
    return ranked


def fill_with_popular(candidates: Candidates, limit: int, order: NDArray[np.int64]) -> Candidates:
    """Complete short rows with the most popular products they lack, below all scores they have.

    Every row then has ``limit`` products if the catalogue has as many.

    Parameters
    ----------
    candidates
        At most ``limit`` scores per row.
    order
        Rank of each product by popularity, of all time or recent; shape (n_products,).
    """
    if np.diff(candidates.indptr).min(initial=limit) >= limit:
        return candidates
    size = max(_CELLS_PER_BLOCK // max(limit, 1), 1)
    starts = range(0, candidates.shape[0], size)
    filled = [
        _fill(sparse.csr_matrix(candidates[start : start + size]), limit, order) for start in starts
    ]
    return stack(filled, order.size)


def _fill(candidates: Candidates, limit: int, order: NDArray[np.int64]) -> Candidates:
    lengths = np.diff(candidates.indptr)
    own_rows = row_numbers(candidates)
    short = np.flatnonzero(lengths < limit)
    # A short row holds fewer than `limit` products, so this many always complete it.
    popular = np.argsort(order)[:limit]
    rows, columns = np.repeat(short, popular.size), np.tile(popular, short.size)
    own_keys = own_rows * order.size + candidates.indices
    absent = np.isin(rows * order.size + columns, own_keys, invert=True)
    lowest = np.ones(lengths.size, dtype=np.float32)
    np.minimum.at(lowest, own_rows, candidates.data)
    fading = np.tile(1 / np.arange(2, popular.size + 2, dtype=np.float32), short.size)
    parts = ((lowest[rows] * fading)[absent], (rows[absent], columns[absent]))
    filling = sparse.csr_matrix(parts, shape=candidates.shape)
    return top_per_row(sparse.csr_matrix(candidates + filling), limit, order)


def best_cells(
    values: NDArray[np.float32], places: NDArray[np.int64], limit: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Find the best positive values of each row of a dense block.

    Parameters
    ----------
    values, places
        Shape (n, m): scores, and the ranks by popularity that decide between equal ones.

    Returns
    -------
    rows, ranks, cells
        One entry per value found, by row and then by rank, which starts from 0.
    """
    width = values.shape[1]
    wanted = values > 0
    if 0 < limit < width:
        # Sort only what reaches the limit-th value, ties included.
        wanted &= values >= np.partition(values, width - limit, axis=1)[:, width - limit, None]
    rows, cells = np.nonzero(wanted)
    order = np.lexsort((places[rows, cells], -values[rows, cells], rows))
    rows, cells = rows[order], cells[order]
    ranks_in_row = np.arange(rows.size) - np.searchsorted(rows, np.arange(values.shape[0]))[rows]
    kept = ranks_in_row < limit
    return rows[kept], ranks_in_row[kept], cells[kept]


def _row_blocks(scores: Scores) -> Iterator[tuple[int, int]]:
    """Cut the rows into blocks of at most ``_CELLS_PER_BLOCK`` cells when padded."""
    n, width = scores.shape
    if not isinstance(scores, np.ndarray):
        width = int(np.diff(scores.indptr).max(initial=0))
    size = max(_CELLS_PER_BLOCK // max(width, 1), 1)
    for start in range(0, n, size):
        yield start, min(start + size, n)


def _padded(
    scores: Scores, start: int, stop: int, ties: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    """Return some rows padded to a dense block, with the product and tie rank of every cell."""
    if isinstance(scores, np.ndarray):
        values = scores[start:stop].astype(np.float32)
        shape = values.shape
        products = np.broadcast_to(np.arange(ties.size), shape)
        return values, products, np.broadcast_to(ties, shape)
    indptr = scores.indptr[start : stop + 1].astype(np.int64)
    if stop - start == 1:
        own = slice(int(indptr[0]), int(indptr[1]))
        row = scores.indices[own].astype(np.int64)[None, :]
        return scores.data[own].astype(np.float32)[None, :], row, ties[row] if ties.size else row
    lengths = np.diff(indptr)
    inside = np.arange(int(lengths.max(initial=0))) < lengths[:, None]
    stored = slice(int(indptr[0]), int(indptr[-1]))
    values = np.zeros(inside.shape, dtype=np.float32)
    products = np.zeros(inside.shape, dtype=np.int64)
    values[inside] = scores.data[stored]
    products[inside] = scores.indices[stored]
    return values, products, ties[products] if ties.size else products


def _select(
    values: NDArray[np.float32],
    products: NDArray[np.int64],
    places: NDArray[np.int64],
    limit: int,
    n_products: int,
) -> Candidates:
    rows, _, cells = best_cells(values, places, limit)
    chosen = products[rows, cells]
    order = np.argsort(rows * n_products + chosen)
    counts = np.bincount(rows, minlength=values.shape[0])
    indptr = np.concatenate(([0], np.cumsum(counts)))
    parts = (values[rows, cells][order], chosen[order], indptr)
    return canonical(parts, (values.shape[0], n_products))
