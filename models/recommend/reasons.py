"""Reasons for a recommendation: facts about the product that a shopper can check.

A reason is no score. It carries the figures that its sentence states, and is left out where it
does not hold.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.recommend.interactions import Interactions
from models.recommend.matrices import Indices, row_numbers
from models.recommend.newcomers import Newcomers
from models.recommend.wording import long_date, percent

_EPOCH: Final = date(1970, 1, 1).toordinal()
_LEAST_TOGETHER: Final = 3
_LEAST_SHARE: Final = 0.01
_LEAST_PURCHASES: Final = 3
_LEAST_NEWCOMER_SHARE: Final = 0.02


@dataclass(frozen=True)
class Fact:
    """One reason with its figures.

    Attributes
    ----------
    code
        ``bought_together``, ``rhythm``, ``bought_before``, ``newcomers`` or ``viewed``.
    text
        The sentence.
    figures
        The numbers in the sentence.
    """

    code: str
    text: str
    figures: dict[str, float] = field(default_factory=dict)


def together_share(orders: sparse.csr_matrix[Any], pattern: sparse.csr_matrix[Any]) -> Any:
    """Return P(column | row) over orders for the stored entries of ``pattern``, in their order.

    Parameters
    ----------
    orders
        Orders x products, ones.
    pattern
        Products x products; only where its entries are counts.
    """
    by_product = sparse.csr_matrix(orders.T)
    counts = np.diff(by_product.indptr)
    rows = row_numbers(pattern)
    shares = np.zeros(pattern.nnz, dtype=np.float32)
    for start in range(0, pattern.shape[0], 256):
        inside = np.flatnonzero((rows >= start) & (rows < start + 256))
        met = sparse.csr_matrix(by_product[start : start + 256] @ orders)
        values = np.asarray(met[rows[inside] - start, pattern.indices[inside]]).ravel()
        shares[inside] = values / np.maximum(counts[rows[inside]], 1)
    return shares


@dataclass(frozen=True, eq=False)
class Ledger:
    """Purchases indexed for counting: orders by product, days by customer and product.

    Attributes
    ----------
    orders_of
        Products x orders.
    pair_keys
        ``customer * n_products + product`` of every customer's product, ascending.
    days, starts
        Days of the purchases of pair ``k``: ``days[starts[k]:starts[k + 1]]``, ascending.
    n_products
        Products of the catalogue.
    """

    orders_of: sparse.csr_matrix[Any]
    pair_keys: NDArray[np.int64]
    days: NDArray[np.int64]
    starts: NDArray[np.int64]
    n_products: int

    @classmethod
    def of(cls, interactions: Interactions) -> Self:
        """Index all purchases."""
        n_products = interactions.n_products
        keys = interactions.customers * max(n_products, 1) + interactions.products
        order = np.lexsort((interactions.days, keys))
        pair_keys, first = np.unique(keys[order], return_index=True)
        starts = np.append(first, keys.size)
        by_product = sparse.csr_matrix(interactions.order_matrix().T)
        by_product.sort_indices()
        return cls(by_product, pair_keys, interactions.days[order], starts, n_products)

    def together(self, product: int, other: int) -> tuple[int, int]:
        """Count the orders with both products, and those with the first."""
        first, second = self._orders(product), self._orders(other)
        both = np.intersect1d(first, second, assume_unique=True)
        return int(both.size), int(first.size)

    def _orders(self, product: int) -> NDArray[Any]:
        indptr = self.orders_of.indptr
        return np.asarray(self.orders_of.indices[indptr[product] : indptr[product + 1]])

    def purchase_days(self, customer: int, product: int) -> NDArray[np.int64]:
        """Return the days on which the customer bought the product, ascending, each once."""
        key = customer * self.n_products + product
        place = int(np.searchsorted(self.pair_keys, key))
        if customer < 0 or place == self.pair_keys.size or self.pair_keys[place] != key:
            return np.zeros(0, dtype=np.int64)
        return np.unique(self.days[self.starts[place] : self.starts[place + 1]])


def usual_gaps(ledger: Ledger) -> NDArray[np.float32]:
    """Return the median days between purchases of every pair of ``ledger.pair_keys``.

    NaN if the customer bought the product on fewer than three days. Bundles store it, so that the
    server can state what :func:`own_purchases` does.
    """
    pairs = np.repeat(np.arange(ledger.pair_keys.size), np.diff(ledger.starts))
    same = (np.diff(pairs, prepend=-1) == 0) & (np.diff(ledger.days, prepend=0) > 0)
    gaps, owners = np.diff(ledger.days, prepend=0)[same], pairs[same]
    order = np.lexsort((gaps, owners))
    gaps, counts = gaps[order], np.bincount(owners, minlength=ledger.pair_keys.size)
    often = np.flatnonzero(counts >= _LEAST_PURCHASES - 1)
    first = (np.cumsum(counts) - counts)[often]
    lower, upper = first + (counts[often] - 1) // 2, first + counts[often] // 2
    usual = np.full(ledger.pair_keys.size, np.nan, dtype=np.float32)
    usual[often] = (gaps[lower] + gaps[upper]) / 2
    return usual


def bought_together(
    ledger: Ledger, product: int, cart: Indices, names: NDArray[np.str_]
) -> Fact | None:
    """State with which product of the cart this one is bought most often; None if seldom."""
    counted = [(item, *ledger.together(int(item), product)) for item in cart if item >= 0]
    often = [
        (both / of, both, of, int(item))
        for item, both, of in counted
        if both >= _LEAST_TOGETHER and both / of >= _LEAST_SHARE
    ]
    if not often:
        return None
    share, both, of, item = max(often, key=lambda found: (found[0], -found[3]))
    text = f"bought together with {names[item]} in {percent(share)} of baskets"
    return Fact("bought_together", text, {"share": share, "together": both, "baskets": of})


def own_purchases(ledger: Ledger, product: int, customer: int) -> Fact | None:
    """State how often, or about every how many days, the customer buys the product."""
    days = ledger.purchase_days(customer, product)
    if not days.size:
        return None
    last = int(days[-1])
    figures: dict[str, float] = {"times": days.size, "last_day": last}
    if days.size < _LEAST_PURCHASES:
        times = "you bought this" if days.size == 1 else "you bought this twice, last"
        return Fact("bought_before", f"{times} on {long_date(_date(last))}", figures)
    gap = float(np.median(np.diff(days)))
    every = "every day" if round(gap) <= 1 else f"every {gap:.0f} days"
    text = f"you buy this about {every}; last on {long_date(_date(last))}"
    return Fact("rhythm", text, figures | {"gap_days": gap})


def popular_among_newcomers(newcomers: Newcomers, product: int) -> Fact | None:
    """State the share of first orders that hold the product; None if it is small."""
    share = newcomers.share(product)
    if share < _LEAST_NEWCOMER_SHARE:
        return None
    figures = {"share": share, "first_orders": float(newcomers.first_orders_)}
    return Fact("newcomers", f"popular among new customers: in {percent(share)} of first orders",
                figures)  # fmt: skip


def like_viewed(
    likeness: sparse.csr_matrix[Any], product: int, viewed: Indices, names: NDArray[np.str_]
) -> Fact | None:
    """Name the viewed product that this one is most similar to, by any item-item model.

    Parameters
    ----------
    likeness
        Products x products; an entry above 0 says that they are similar.
    """
    found = [(float(likeness[int(item), product]), int(item)) for item in viewed if item >= 0]
    similar = [(value, item) for value, item in found if value > 0 and item != product]
    if not similar:
        return None
    value, item = max(similar, key=lambda pair: (pair[0], -pair[1]))
    return Fact("viewed", f"similar to {names[item]}, which you viewed", {"likeness": value})


def _date(day: int) -> date:
    return date.fromordinal(_EPOCH + day)
