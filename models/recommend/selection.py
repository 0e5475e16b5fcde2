"""From ranked candidates to the products shown: allowed, distinct, diverse, with exploration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Selection:
    """Products to show, best first.

    Attributes
    ----------
    products
        Distinct and allowed; shape (m,) with m <= n.
    propensities
        P(shown) of each: 1 if the ranking put it there, less if it was drawn.
    shortfall
        How many of the n are missing because no more are allowed.
    """

    products: NDArray[np.int64]
    propensities: NDArray[np.float64]
    shortfall: int


def select(
    ranked: NDArray[np.int64],
    n: int,
    allowed: NDArray[np.bool_],
    fallback: NDArray[np.int64],
    *,
    vectors: NDArray[np.float32] | None = None,
    diversity: float = 0.0,
    explore: int = 0,
    seed: int = 0,
) -> Selection:
    """Choose exactly ``n`` allowed products, or as many as there are.

    Parameters
    ----------
    ranked
        Candidates from best to worst, -1 for none; duplicates and products not allowed are dropped.
    allowed
        False for excluded, retired or sold-out products; shape (n_products,).
    fallback
        Products that complete a short list, best first, for example by popularity.
    vectors
        Direction of each product, needed for diversity; shape (n_products, dimensions).
    diversity
        0 to 1: how much being unlike what is already chosen counts beside the rank (maximal
        marginal relevance, Carbonell & Goldstein 1998).
    explore
        Last places filled at random: uniform draws from the candidates that the ranking puts there
        and the ``10 * explore`` after them.
    seed
        Of the draws.
    """
    candidates = _distinct(np.concatenate((ranked, fallback)), allowed)
    if diversity > 0 and vectors is not None:
        candidates = _varied(candidates, n, vectors, diversity)
    chosen = candidates[:n]
    slots = min(explore, chosen.size, max(candidates.size - n, 0))
    propensities = np.ones(chosen.size)
    if slots > 0:
        pool = candidates[n - slots : n + 10 * slots]
        drawn = np.random.default_rng(seed).choice(pool.size, slots, replace=False)
        chosen = np.concatenate((chosen[: n - slots], pool[np.sort(drawn)]))
        propensities[n - slots :] = slots / pool.size
    return Selection(chosen, propensities, n - chosen.size)


def _distinct(products: NDArray[np.int64], allowed: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Drop duplicates and what is not allowed, keeping the order."""
    known = products[(products >= 0) & (products < allowed.size)]
    eligible = known[allowed[known]]
    _, first = np.unique(eligible, return_index=True)
    return np.asarray(eligible[np.sort(first)])


def _varied(
    candidates: NDArray[np.int64], n: int, vectors: NDArray[np.float32], diversity: float
) -> NDArray[np.int64]:
    """Order the first ``n`` by marginal relevance, the others after them as they were."""
    relevance = 1 - np.arange(candidates.size) / max(candidates.size, 1)
    directions = vectors[candidates]
    nearest = np.zeros(candidates.size)
    left = np.ones(candidates.size, dtype=np.bool_)
    order: list[int] = []
    for _ in range(min(n, candidates.size)):
        worth = (1 - diversity) * relevance - diversity * nearest
        best = int(np.argmax(np.where(left, worth, -np.inf)))
        order.append(best)
        left[best] = False
        nearest = np.maximum(nearest, directions @ directions[best])
    return np.concatenate((candidates[order], candidates[left]))
