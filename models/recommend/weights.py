"""How loud each source of a blend may speak: chosen on a validation window, by NDCG."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from features.errors import TrainingError
from models.metrics.ranking import ndcg_at, truth_sizes
from models.recommend.blend import normalised
from models.recommend.matrices import Candidates, row_numbers
from models.recommend.topk import best_cells

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
        deep as the blend will ask for.
    truth
        What these customers bought next; shape (n, n_products).
    ties
        Place of each product by popularity.

    Returns
    -------
    dict
        Weight by source name; they sum to 1.

    Raises
    ------
    TrainingError
        If none of the customers bought anything.
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
    """All candidates of each customer in a rectangle: m is the longest row."""

    scores: NDArray[np.float32]  # (sources, n, m)
    places: NDArray[np.int64]  # (n, m), of each product by popularity
    bought: NDArray[np.bool_]  # (n, m)
    sizes: NDArray[np.int64]  # (n,), products bought


def _pool(
    sources: list[Candidates], truth: sparse.csr_matrix[Any], ties: NDArray[np.int64]
) -> _Pool:
    n, n_products = truth.shape
    keys = [row_numbers(source) * n_products + source.indices for source in sources]
    union = np.unique(np.concatenate(keys))
    rows = union // max(n_products, 1)
    cells = np.arange(union.size) - np.searchsorted(rows, np.arange(n))[rows]
    shape = (n, int(cells.max(initial=-1)) + 1)
    scores = np.zeros((len(sources), *shape), dtype=np.float32)
    for number, (source, key) in enumerate(zip(sources, keys, strict=True)):
        entries = np.searchsorted(union, key)
        scores[number, rows[entries], cells[entries]] = source.data
    places = np.zeros(shape, dtype=np.int64)
    places[rows, cells] = ties[union - rows * n_products]
    bought = np.zeros(shape, dtype=np.bool_)
    bought_keys = row_numbers(truth) * n_products + truth.indices
    bought[rows, cells] = np.isin(union, bought_keys)
    return _Pool(scores, places, bought, truth_sizes(truth))


def _mean_ndcg(weights: NDArray[np.float64], pool: _Pool, k: int) -> float:
    blended = np.tensordot(weights.astype(np.float32), pool.scores, axes=1)
    rows, ranks, cells = best_cells(blended, pool.places, k)
    found = np.zeros((blended.shape[0], k), dtype=np.bool_)
    found[rows, ranks] = pool.bought[rows, cells]
    return float(np.nanmean(ndcg_at(found, pool.sizes, k)))


def _climb(
    weights: NDArray[np.float64], best: float, step: float, pool: _Pool, k: int
) -> tuple[NDArray[np.float64], float]:
    """Take steps of one size along the coordinates until none helps."""
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
