"""Ties: no metric may depend on the order in which equal scores happen to be sorted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def shared_by_ties(values: Floats, scores: Floats) -> Floats:
    """Give rows of equal score the mean of their values: the expectation over random orders."""
    _, group = np.unique(scores, return_inverse=True)
    means = np.bincount(group, weights=values) / np.bincount(group)
    return np.asarray(means[group], dtype=np.float64)
