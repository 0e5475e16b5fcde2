"""The weights of a blend's sources, chosen on a validation window by NDCG."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from features.errors import TrainingError
from models.metrics.ranking import ndcg_at, truth_sizes
from models.recommend.combining import normalised
from models.recommend.matrices import Candidates, row_numbers

_STEPS: Final = (0.5, 0.25, 0.12, 0.06, 0.03)
_LEAST_GAIN: Final = 1e-5


def choose_weights(
    candidates: Mapping[str, Candidates],
    truth: sparse.csr_matrix[Any],
    ties: NDArray[np.int64],
    k: int = 10,
) -> dict[str, float]:
    """Find the weights on the simplex with the highest mean NDCG at ``k``.

    Starts from the best of equal weights and every single source, then moves one weight at a
    time (the others keep their proportions) by steps from a half down to 0.03 while the mean
    rises. Deterministic.

    Parameters
    ----------
    candidates
        By source name, the candidates of the same n customers at the validation cutoff, as
        long as the blend will ask for.
    truth
        What these customers bought next; shape (n, n_products).
    ties
        Rank of each product by popularity, which decides between equal scores.

    Returns
    -------
    dict
        Weight by source name; they sum to 1.

    Raises
    ------
    TrainingError
        None of the customers bought anything.
    """
    if truth.nnz == 0:
        raise TrainingError(
            "No customer ordered in the validation window, so no weights can be chosen.",
            "Give a longer history, or a validation window in which customers order.",
        )
    names = list(candidates)
    pool = _pool([normalised(candidates[name]) for name in names], truth, ties)
    weights = np.full(len(names), 1 / len(names))
    best = _mean_ndcg(weights, pool, k)
    for alone in np.eye(len(names)):
        reached = _mean_ndcg(alone, pool, k)
        if reached > best:
            weights, best = alone, reached
    for step in _STEPS:
        weights, best = _climb(weights, best, step, pool, k)
    return dict(zip(names, weights.tolist(), strict=True))


@dataclass(frozen=True)
class _Pool:
    """The candidates of each customer who bought at least one of them; m is the longest row.

    Each row is sorted by popularity, so that of equal scores the earlier cell ranks first.
    """

    scores: NDArray[np.float32]  # (sources, customers, m)
    rows: NDArray[np.int64]  # (bought,), customer of each candidate that was bought
    cells: NDArray[np.int64]  # (bought,), its place in the row
    customers: NDArray[np.int64]  # (customers,), numbers among all n
    sizes: NDArray[np.int64]  # (n,), products bought


def _pool(
    sources: list[Candidates], truth: sparse.csr_matrix[Any], ties: NDArray[np.int64]
) -> _Pool:
    n_products = max(truth.shape[1], 1)
    bought = np.sort(_keys(truth, ties, n_products))
    keys = [_keys(source, ties, n_products) for source in sources]
    # Each source's keys ascend already: a stable sort merges them faster than hashing would.
    union = np.sort(np.concatenate(keys), kind="stable")
    union = union[np.diff(union, prepend=-1) > 0]
    hits = union[_among(bought, union)]
    customers = np.unique(hits // n_products)
    union = union[_among(customers, union // n_products)]
    rows = np.searchsorted(customers, union // n_products)
    starts = np.searchsorted(rows, np.arange(customers.size))
    cells = np.arange(union.size) - starts[rows]
    shape = (len(sources), customers.size, int(cells.max(initial=-1)) + 1)
    scores = np.zeros(shape, dtype=np.float32)
    for number, (source, key) in enumerate(zip(sources, keys, strict=True)):
        here = _among(customers, key // n_products)
        entries = np.searchsorted(union, key[here])
        scores[number, rows[entries], cells[entries]] = source.data[here]
    entries = np.searchsorted(union, hits)
    return _Pool(scores, rows[entries], cells[entries], customers, truth_sizes(truth))


def _keys(
    matrix: sparse.csr_matrix[Any], ties: NDArray[np.int64], n_products: int
) -> NDArray[np.int64]:
    """Return a sortable key of every entry: by row, then by the product's popularity rank."""
    return np.asarray(row_numbers(matrix) * n_products + ties[matrix.indices])


def _among(ascending: NDArray[np.int64], asked: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each number of ``asked`` occurs in ``ascending``; by bisection."""
    places = np.minimum(np.searchsorted(ascending, asked), max(ascending.size - 1, 0))
    return ascending[places] == asked if ascending.size else np.zeros(asked.size, dtype=np.bool_)


def _mean_ndcg(weights: NDArray[np.float64], pool: _Pool, k: int) -> float:
    """Mean NDCG; ranks only what was bought, by counting the scores above it."""
    blended = np.tensordot(weights.astype(np.float32), pool.scores, axes=1)
    own = blended[pool.rows, pool.cells][:, None]
    lists = blended[pool.rows]
    ahead = (lists > own).sum(axis=1)
    before = np.arange(lists.shape[1]) < pool.cells[:, None]
    ahead += ((lists == own) & before).sum(axis=1)
    ranked = (ahead < k) & (own[:, 0] > 0)
    found = np.zeros((pool.sizes.size, k), dtype=np.bool_)
    found[pool.customers[pool.rows[ranked]], ahead[ranked]] = True
    return float(np.nanmean(ndcg_at(found, pool.sizes, k)))


def _climb(
    weights: NDArray[np.float64], best: float, step: float, pool: _Pool, k: int
) -> tuple[NDArray[np.float64], float]:
    """Coordinate ascent with one step size, until no step helps."""
    improved = True
    while improved:
        improved = False
        for coordinate in range(weights.size):
            for move in (step, -step):
                moved = _moved(weights, coordinate, move)
                reached = _mean_ndcg(moved, pool, k)
                if reached > best + _LEAST_GAIN:
                    weights, best, improved = moved, reached, True
    return weights, best


def _moved(weights: NDArray[np.float64], coordinate: int, move: float) -> NDArray[np.float64]:
    """Move one weight within [0, 1] and scale the others so that the sum stays 1."""
    wanted = min(max(float(weights[coordinate]) + move, 0.0), 1.0)
    others = weights.copy()
    others[coordinate] = 0.0
    if others.sum() == 0:
        return weights
    moved = others / others.sum() * (1 - wanted)
    moved[coordinate] = wanted
    return np.asarray(moved)
