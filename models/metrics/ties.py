"""Equal scores say nothing of order, so no metric may depend on how equals happen to be sorted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def shared_by_ties(values: Floats, scores: Floats) -> Floats:
    """Give rows of equal score the mean of their values: what a random order among them expects."""
    _, group = np.unique(scores, return_inverse=True)
    means = np.bincount(group, weights=values) / np.bincount(group)
    return np.asarray(means[group], dtype=np.float64)
