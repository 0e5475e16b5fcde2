"""Folds of rows: stratified at random, or forward in time."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
Folds = list[tuple[Rows, Rows]]


def stratified_folds(outcomes: Floats, folds: int, seed: int) -> Folds:
    """Distribute the rows of each outcome evenly over the folds; each row is held out once.

    Every training part has both outcomes if both occur at least twice.

    Returns
    -------
    Pairs (training rows, held-out rows), both ascending.
    """
    rng = np.random.default_rng(seed)
    fold = np.empty(len(outcomes), dtype=np.int64)
    for outcome in np.unique(outcomes):
        rows = rng.permutation(np.flatnonzero(outcomes == outcome))
        # The second outcome is dealt from the other end, so that folds are of equal size.
        dealt = np.arange(len(rows)) % folds
        fold[rows] = dealt if outcome == 0 else folds - 1 - dealt
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(folds)]


def forward_folds(rows: int, folds: int) -> Folds:
    """Cut rows in order of time into ``folds + 1`` blocks; each but the first is held out once.

    Each block is predicted from the blocks before it (rolling origin).
    """
    edges = np.linspace(0, rows, folds + 2).astype(np.int64)
    return [
        (np.arange(begin), np.arange(begin, end))
        for begin, end in itertools.pairwise(edges[1:])
        if 0 < begin < end
    ]
