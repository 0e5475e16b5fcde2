"""Which products may be shown: the one check on every path to an answer."""

from __future__ import annotations

from collections.abc import Set
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from serving.answers import Shortfall
from serving.catalogue import Catalogue, Indices

# Matches nothing: products without a category have code -1.
_NO_CATEGORY = -2
# Up to this many, comparing with one after the other is faster than np.isin.
_FEW_REMOVED = 20


class Rules(NamedTuple):
    """What a request and its shopper rule out.

    Parameters
    ----------
    excluded
        Positions of products that the request excludes; a cart's own items are among them.
    dismissed
        Positions of products that the shopper rejected.
    category
        Only products of this category.
    min_price, max_price
        Inclusive bounds in money; a product of unknown price fits no bound.
    """

    excluded: frozenset[int] = frozenset()
    dismissed: frozenset[int] = frozenset()
    category: str | None = None
    min_price: float | None = None
    max_price: float | None = None

    @property
    def removed(self) -> frozenset[int]:
        """Positions of products that are ruled out by name."""
        return self.excluded | self.dismissed


def eligible(catalogue: Catalogue, products: Indices, rules: Rules) -> NDArray[np.bool_]:
    """Return, for each product, whether it may come out of this request."""
    wanted = fitting(catalogue, products, rules)
    if removed := rules.removed:
        wanted &= not_among(products, removed)
    return wanted


def fitting(catalogue: Catalogue, products: Indices, rules: Rules) -> NDArray[np.bool_]:
    """Return, for each product, whether it can be sold and passes the request's filter.

    All that :func:`eligible` checks but :attr:`Rules.removed`, which is sooner looked up for the
    few products that come first than compared with all.
    """
    wanted = catalogue.sellable[products]
    if rules.category is not None:
        code = catalogue.category_codes.get(rules.category, _NO_CATEGORY)
        wanted &= catalogue.category_code[products] == code
    if rules.min_price is not None:
        wanted &= catalogue.price[products] >= rules.min_price
    if rules.max_price is not None:
        wanted &= catalogue.price[products] <= rules.max_price
    return wanted


def explain_shortfall(catalogue: Catalogue, n: int, found: int) -> Shortfall | None:
    """Say why fewer than ``n`` products came out; None when there were enough.

    The reason is the widest cause: ``catalogue`` when even all products would be too few,
    ``stock`` when too few can be sold, else ``filter``: what the request or the shopper ruled out.
    """
    if found >= n:
        return None
    everything = len(catalogue.products)
    can_be_sold = int(catalogue.sellable.sum())
    counts = f"{everything} products, {can_be_sold} of them for sale, {found} of them allowed here"
    if everything < n:
        return Shortfall(n - found, "catalogue", f"the catalogue is small: {counts}")
    if can_be_sold < n:
        return Shortfall(n - found, "stock", f"too few are in stock and not retired: {counts}")
    return Shortfall(
        n - found, "filter", f"the request's filter or the shopper's dismissals: {counts}"
    )


def not_among(products: Indices, removed: Set[int]) -> NDArray[np.bool_]:
    """Return which products are not among the removed ones."""
    if len(removed) > _FEW_REMOVED:
        return ~np.isin(products, np.fromiter(removed, dtype=np.int32, count=len(removed)))
    kept = np.ones(len(products), dtype=np.bool_)
    for product in removed:
        kept &= products != product
    return kept
