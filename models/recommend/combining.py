"""Combining the scores of several sources: one scale, weights, and products to leave out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.recommend.matrices import Candidates, entries_in, row_numbers
from models.recommend.topk import top_per_row

Weights = Mapping[str, float]
"""Weight by name of source."""


def normalised(candidates: Candidates) -> Candidates:
    """Divide every row by its largest score, so that the sources' scores are comparable."""
    rows = row_numbers(candidates)
    largest = np.zeros(candidates.shape[0], dtype=np.float32)
    np.maximum.at(largest, rows, candidates.data)
    scaled = candidates.copy()
    scaled.data /= largest[rows]
    return scaled


def weighted_sum(
    scores: Mapping[str, Candidates], *weights: Weights, choice: NDArray[np.int64] | None = None
) -> Candidates:
    """Add up the normalised scores of several sources; a source without a weight counts as 0.

    Parameters
    ----------
    scores
        Scores by name of source, all of one shape (n, n_products).
    weights
        One set of weights for all rows, or several to choose from.
    choice
        Which of several sets holds for each row; shape (n,).
    """
    shape = next(iter(scores.values())).shape
    which = np.zeros(shape[0], dtype=np.int64) if choice is None else choice
    parts = []
    for name, source in scores.items():
        by_set = np.array([each.get(name, 0.0) for each in weights], dtype=np.float32)
        part = normalised(source)
        part.data *= by_set[which[row_numbers(part)]]
        parts.append(part)
    return sparse.csr_matrix(sum(parts[1:], parts[0]))


def without(
    scores: sparse.csr_matrix[Any],
    excluded: sparse.csr_matrix[Any],
    limit: int,
    ties: NDArray[np.int64],
) -> Candidates:
    """Return the ``limit`` best of each row, of the products that ``excluded`` has no entry for."""
    allowed = sparse.csr_matrix(scores, copy=True)
    allowed.data = np.where(entries_in(allowed, excluded), 0.0, allowed.data)
    return top_per_row(allowed, limit, ties)


def mean_largest(matrix: Candidates) -> float:
    """Return the mean over non-empty rows of the largest entry (0 if that is negative).

    It is the scale of a matrix: divided by it, two matrices are comparable.
    """
    present = np.diff(matrix.indptr) > 0
    if not present.any():
        return 0.0
    largest = np.maximum.reduceat(matrix.data, matrix.indptr[:-1][present])
    return float(np.maximum(largest, 0.0).mean())
