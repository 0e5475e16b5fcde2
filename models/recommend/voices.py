"""Several sources on the same question: what none may name, and all of them together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.recommend.blend import normalised
from models.recommend.matrices import Candidates, entries_in, row_numbers
from models.recommend.topk import top_per_row

Loudness = Mapping[str, float]


def without(
    scores: sparse.csr_matrix[Any],
    barred: sparse.csr_matrix[Any],
    limit: int,
    ties: NDArray[np.int64],
) -> Candidates:
    """Return the best of each row that ``barred`` has no entry for."""
    allowed = sparse.csr_matrix(scores, copy=True)
    allowed.data = np.where(entries_in(allowed, barred), 0.0, allowed.data)
    return top_per_row(allowed, limit, ties)


def weighted_sum(
    voices: Mapping[str, Candidates], *loudness: Loudness, choice: NDArray[np.int64] | None = None
) -> Candidates:
    """Add up voices, each scaled to a largest score of 1 per row; one that has no weight is silent.

    Parameters
    ----------
    loudness
        Weight by voice: one for all rows, or several to choose from.
    choice
        Which of several holds for each row; shape (n,).
    """
    shape = next(iter(voices.values())).shape
    which = np.zeros(shape[0], dtype=np.int64) if choice is None else choice
    scaled = []
    for name, voice in voices.items():
        weights = np.array([each.get(name, 0.0) for each in loudness], dtype=np.float32)
        loud = normalised(voice)
        loud.data *= weights[which[row_numbers(loud)]]
        scaled.append(loud)
    return sparse.csr_matrix(sum(scaled[1:], scaled[0]))
