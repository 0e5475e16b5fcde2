"""From scored products to the ones shown: eligibility, order, and filling up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from serving.answers import Source
from serving.catalogue import Catalogue, Indices
from serving.eligibility import Rules, eligible


@dataclass(frozen=True, eq=False)
class Scored:
    """Distinct products with a score each, in any order."""

    products: Indices
    scores: NDArray[np.floating]
    source: Source


@dataclass(frozen=True, slots=True)
class Pick:
    """A product that comes out: its position, its score and where it came from."""

    product: int
    score: float
    source: Source


def pick(catalogue: Catalogue, scored: Scored, rules: Rules, n: int) -> list[Pick]:
    """Return the ``n`` best eligible products, or all of them where there are fewer.

    The scored come first, best first; then popular ones; then the rest of the catalogue, so
    that a shelf stays empty only when nothing eligible is left. Ties: popularity, then id.
    """
    keep = eligible(catalogue, scored.products, rules)
    products, scores = scored.products[keep], scored.scores[keep]
    order = np.lexsort((catalogue.fill_position[products], -scores))[:n]
    picks = [
        Pick(product, rounded(score), scored.source)
        for product, score in zip(products[order].tolist(), scores[order].tolist(), strict=True)
    ]
    if len(picks) < n:
        picks.extend(_fill(catalogue, rules, n - len(picks), {p.product for p in picks}))
    return picks


def combine(products: Indices, scores: NDArray[np.floating]) -> tuple[Indices, NDArray[np.float64]]:
    """Add up the scores of products that occur several times."""
    distinct, place = np.unique(products, return_inverse=True)
    totals = np.bincount(place, scores, minlength=len(distinct))
    return distinct, totals.astype(np.float64)


def rounded(score: float) -> float:
    """Drop the digits that single precision does not have."""
    return float(f"{score:.6g}")


def _fill(catalogue: Catalogue, rules: Rules, n: int, taken: set[int]) -> Iterator[Pick]:
    """Yield up to ``n`` further eligible products, in fill order."""
    pool = catalogue.fill_order
    if rules.category is not None:
        pool = catalogue.members.get(rules.category, pool[:0])
    start, size = 0, 256
    while n and start < len(pool):
        block = pool[start : start + size]
        for product in block[eligible(catalogue, block, rules)].tolist():
            if n and product not in taken:
                n -= 1
                score = rounded(float(catalogue.popular_score[product]))
                yield Pick(product, score, "popular" if score > 0 else "catalogue")
        # Few requests look far; those that must get there in few steps.
        start, size = start + size, size * 2
