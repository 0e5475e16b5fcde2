"""Price every offer for many customers, block by block, exactly as for a single one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from features.vocabulary import Columns as C
from models.bundle.schema import BundleColumns as B
from serving.catalogue import Catalogue
from serving.decisions.pricing.arbitration import (
    Booleans,
    Floats,
    Priced,
    Stakes,
    is_next_product,
    price_offers,
    stakes_of,
    sums_of,
    weights_of,
)
from serving.decisions.pricing.breadth import Breadth, bought_categories, breadth_by
from serving.decisions.pricing.plan import Plan
from serving.products.eligibility import Rules, eligible
from serving.products.shoppers import Shopper, Shoppers

Positions = NDArray[np.int64]

BLOCK_CUSTOMERS: Final = 4_096


@dataclass(frozen=True, eq=False)
class Block:
    """Some customers, all offers priced for each, and each one's best product at full price.

    Attributes
    ----------
    customers
        Positions in the bundle, shape (n,).
    product, product_value, product_chance, product_margin
        The best product at full price, -1 without one; its value (money), P(product | buys) and
        margin (money). Ties by popularity.
    """

    customers: Positions
    stakes: Stakes
    priced: Priced
    product: NDArray[np.int64]
    product_value: Floats
    product_chance: Floats
    product_margin: Floats
    is_contact: bool


def price_blocks(
    catalogue: Catalogue,
    plan: Plan,
    customers: Positions,
    shoppers: Shoppers,
    *,
    is_contact: bool,
    block_customers: int = BLOCK_CUSTOMERS,
) -> Iterator[Block]:
    """Price every offer for customers of a bundle, by blocks, from the bundle's scores.

    Customers without a churn score are priced with the average P(buys), those without candidates
    of their own with the popular products, as in :mod:`serving.decisions.next_best_offer`.

    Parameters
    ----------
    customers
        Positions in the bundle.
    is_contact
        Whether offers go out to customers, so that the uplift of a contact counts.
    """
    within = plan.within.astype(np.float64)
    popular = _popular(catalogue, plan, frozenset())
    ids = catalogue.bundle.customers.column(C.CUSTOMER_ID)
    for start in range(0, len(customers), block_customers):
        block = customers[start : start + block_customers]
        recent = _recent(shoppers, ids.take(block).to_pylist())
        rejected = _rejected(catalogue, recent)
        shown = _shown(catalogue, plan, within, block, rejected, popular)
        for row, products in rejected.items():
            if not shown.personal[row]:
                shown.replace(row, _popular(catalogue, plan, products))
        stakes = _stakes(catalogue, plan, block, is_contact=is_contact)
        is_next = is_next_product(plan, block[:, None])
        breadth = _breadth(catalogue, plan, block, recent, is_next)
        # Without a product the position is -1, that of the appended 0.
        margin = np.append(plan.margin, 0.0)[shown.product]
        yield Block(
            customers=block,
            stakes=stakes,
            priced=price_offers(plan, stakes, shown.sums, breadth, is_next),
            product=shown.product,
            product_value=stakes.p_buys[:, 0] * shown.chance * margin,
            product_chance=shown.chance,
            product_margin=margin,
            is_contact=is_contact,
        )


@dataclass(frozen=True, eq=False)
class _Shown:
    """The products that n customers may be shown: sums by scope, the best and its chance.

    The sums are those of :func:`serving.decisions.pricing.arbitration.sums_of`: (4, n, scopes).
    """

    sums: Floats
    personal: NDArray[np.bool_]
    product: NDArray[np.int64]
    chance: Floats

    def replace(self, row: int, other: _Shown) -> None:
        """Set one customer's row to the row of another."""
        self.sums[:, row] = other.sums[:, 0]
        self.product[row], self.chance[row] = other.product[0], other.chance[0]


def _shown(
    catalogue: Catalogue,
    plan: Plan,
    within: Floats,
    customers: Positions,
    rejected: Mapping[int, frozenset[int]],
    popular: _Shown,
) -> _Shown:
    """Return the customers' own candidates, or the popular products where they have none."""
    rows, n = catalogue.bundle.candidates.take(customers), len(customers)
    allowed = eligible(catalogue, rows.indices, Rules())
    for row, products in rejected.items():
        span = rows.span(row)
        allowed[span] &= ~np.isin(rows.indices[span], list(products))
    owner = np.repeat(np.arange(n), np.diff(rows.indptr))
    personal = np.bincount(owner, allowed, n) > 0
    allowed &= ~np.isnan(catalogue.margin[rows.indices])
    chance = np.where(allowed, rows.values[B.PROBABILITY].astype(np.float64), 0.0)
    weights = weights_of(plan, rows.indices, chance)
    shape = (n, len(within))
    own = [sparse.csr_matrix((w, rows.indices, rows.indptr), shape) @ within for w in weights]
    sums = np.where(personal[:, None], np.stack(own), popular.sums)
    worth = np.where(allowed, weights[2], -np.inf)
    entry = _best_entries(worth, owner, catalogue.fill_position[rows.indices], n)
    product = np.where(personal, -1, popular.product)
    best_chance = np.where(personal, 0.0, popular.chance)
    found = personal & (entry >= 0)
    product[found] = rows.indices[entry[found]]
    best_chance[found] = chance[entry[found]]
    return _Shown(sums, personal, product, best_chance)


def _stakes(catalogue: Catalogue, plan: Plan, customers: Positions, *, is_contact: bool) -> Stakes:
    churn = catalogue.churn_probability[customers]
    lapsed = np.nan if catalogue.lapsed_p_buys is None else catalogue.lapsed_p_buys
    p_buys = np.nan_to_num(np.where(np.isnan(churn), lapsed, 1.0 - churn))
    return stakes_of(plan, customers[:, None], p_buys[:, None], is_contact=is_contact)


def _breadth(
    catalogue: Catalogue,
    plan: Plan,
    customers: Positions,
    recent: Mapping[int, Shopper],
    is_next: Booleans | None,
) -> Breadth | None:
    """Return the effect of what offers would add to each customer's holdings."""
    effects = plan.breadth
    if effects is None or effects.what == "products":
        return breadth_by(effects, customers[:, None], is_next)
    rows = catalogue.bundle.bought.take(customers)
    # One more column: of what has no category, at place -1.
    bought = np.zeros((len(customers), len(catalogue.category_codes) + 1), dtype=np.bool_)
    owner = np.repeat(np.arange(len(customers)), np.diff(rows.indptr))
    bought[owner, catalogue.category_code[rows.indices]] = True
    for row, shopper in recent.items():
        bought[row, list(bought_categories(catalogue, None, shopper))] = True
    bought[:, -1] = True
    return breadth_by(effects, customers[:, None], ~bought[:, plan.category])


def _popular(catalogue: Catalogue, plan: Plan, rejected: frozenset[int]) -> _Shown:
    """Return the popular products for one customer, without those rejected."""
    rows = catalogue.bundle.popular
    keep = eligible(catalogue, rows.indices, Rules(dismissed=rejected))
    keep &= ~np.isnan(catalogue.margin[rows.indices])
    products = rows.indices[keep]
    chance = rows.values[B.PROBABILITY][keep].astype(np.float64)
    sums = sums_of(plan, products, chance)[:, None, :]
    owner = np.zeros(len(products), dtype=np.int64)
    entry = _best_entries(
        chance * plan.margin[products], owner, catalogue.fill_position[products], 1
    )
    best = np.where(entry >= 0, products[entry], -1) if len(products) else np.array([-1])
    best_chance = np.where(entry >= 0, chance[entry], 0.0) if len(products) else np.zeros(1)
    return _Shown(sums, np.zeros(1, dtype=np.bool_), best.astype(np.int64), best_chance)


def _best_entries(
    worth: Floats, owner: NDArray[np.int64], popularity: NDArray[np.int32], n: int
) -> NDArray[np.int64]:
    """Return each owner's entry of largest worth, -1 without one; ties by popularity."""
    order = np.lexsort((popularity, -worth, owner))
    owners, first = np.unique(owner[order], return_index=True)
    best = np.full(n, -1, dtype=np.int64)
    best[owners] = order[first]
    return np.where((best >= 0) & np.isfinite(worth[best]), best, -1) if len(worth) else best


def _recent(shoppers: Shoppers, ids: Sequence[str]) -> dict[int, Shopper]:
    """Return the shoppers who did anything since the bundle was made, by index of their id."""
    found = {row: shoppers.find(id_) for row, id_ in enumerate(ids)}
    return {row: shopper for row, shopper in found.items() if not shopper.is_blank}


def _rejected(catalogue: Catalogue, recent: Mapping[int, Shopper]) -> dict[int, frozenset[int]]:
    """Return the positions of the products that each customer rejected, by row."""
    return {
        row: frozenset(catalogue.products.positions(shopper.dismissed_products))
        for row, shopper in recent.items()
        if shopper.dismissed_products
    }
