"""Diverse lists: maximal marginal relevance (Carbonell & Goldstein 1998)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def diversified(
    ranked: NDArray[np.int64], n: int, vectors: NDArray[np.float32], diversity: float
) -> NDArray[np.int64]:
    """Return ``n`` of the ranked products, or all there are, each relevant and unlike the others.

    Parameters
    ----------
    ranked
        Distinct products, best first.
    vectors
        Direction of each product; shape (n_products, dimensions).
    diversity
        0 to 1: the weight of being unlike what is already chosen, beside that of the rank.
    """
    relevance = 1 - np.arange(ranked.size) / max(ranked.size, 1)
    directions = vectors[ranked]
    nearest = np.zeros(ranked.size)
    left = np.ones(ranked.size, dtype=np.bool_)
    chosen: list[int] = []
    for _ in range(min(n, ranked.size)):
        worth = (1 - diversity) * relevance - diversity * nearest
        best = int(np.argmax(np.where(left, worth, -np.inf)))
        chosen.append(best)
        left[best] = False
        nearest = np.maximum(nearest, directions @ directions[best])
    return ranked[chosen]
