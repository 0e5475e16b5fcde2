"""From scored products to the ones shown: eligibility, order, and filling up."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.recommend.diversity import diversified
from serving.answers import Source
from serving.catalogue import Catalogue, Indices
from serving.products.eligibility import Rules, fitting

_POOL_FACTOR: Final = 5
# Up to this many, sorting all is as fast as finding the best first.
_FEW_PRODUCTS: Final = 256


class Scored(NamedTuple):
    """Distinct products with a score each, in any order."""

    products: Indices
    scores: NDArray[np.floating]
    source: Source


class Pick(NamedTuple):
    """A chosen product: its position, its score and its source."""

    product: int
    score: float
    source: Source


def pick(
    catalogue: Catalogue, scored: Scored, rules: Rules, n: int, diversity: float = 0.0
) -> list[Pick]:
    """Return the ``n`` best eligible products, or all of them where there are fewer.

    Scored products come first, best first; then popular ones; then the rest of the catalogue, so
    that places stay empty only when nothing eligible is left. Ties: popularity, then id.

    Parameters
    ----------
    diversity
        0 to 1: the weight of being described unlike the products before, against the place in
        that order; among its first ``5 n`` products.
    """
    if diversity > 0:
        return _varied(catalogue, pick(catalogue, scored, rules, n * _POOL_FACTOR), n, diversity)
    keep = fitting(catalogue, scored.products, rules)
    products, scores = scored.products[keep], scored.scores[keep]
    removed = rules.removed
    # No more than the removed ones among these will be passed over.
    enough = n + len(removed)
    if len(scores) > max(enough, _FEW_PRODUCTS):
        # Only these, ties included, can be among the first: sorting all takes far longer.
        best = scores >= np.partition(scores, -enough)[-enough]
        products, scores = products[best], scores[best]
    order = np.lexsort((catalogue.fill_position[products], -scores))[:enough]
    best_first = [*zip(products[order].tolist(), scores[order].tolist(), strict=True)]
    if removed:
        best_first = [entry for entry in best_first if entry[0] not in removed][:n]
    source = scored.source
    picks = [Pick(product, rounded(score), source) for product, score in best_first]
    if len(picks) < n:
        taken = removed.union(p.product for p in picks)
        picks.extend(_fill(catalogue, rules, n - len(picks), taken))
    return picks


def _varied(catalogue: Catalogue, pool: list[Pick], n: int, diversity: float) -> list[Pick]:
    products = np.array([each.product for each in pool], dtype=np.int64)
    chosen = diversified(products, n, catalogue.bundle.directions, diversity)
    by_product = {each.product: each for each in pool}
    return [by_product[product] for product in chosen.tolist()]


def rounded(score: float) -> float:
    """Drop the digits that single precision does not have."""
    return float(f"{score:.6g}")


def _fill(catalogue: Catalogue, rules: Rules, n: int, taken: Set[int]) -> Iterator[Pick]:
    """Yield up to ``n`` products for sale that pass the filter and are not taken, in fill order."""
    pool = catalogue.fill_order
    if rules.category is not None:
        pool = catalogue.members.get(rules.category, pool[:0])
    start, size = 0, 256
    while n and start < len(pool):
        block = pool[start : start + size]
        for product in block[fitting(catalogue, block, rules)].tolist():
            if n and product not in taken:
                n -= 1
                score = rounded(float(catalogue.popular_score[product]))
                yield Pick(product, score, "popular" if score > 0 else "catalogue")
        # Few requests look far; those that do need few steps.
        start, size = start + size, size * 2
