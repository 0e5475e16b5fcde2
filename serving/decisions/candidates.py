"""All actions that one customer may be shown, as priced arrays: nothing, products, offers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from serving.catalogue import Indices
from serving.decisions.inputs import DecisionInputs
from serving.decisions.next_order import NextOrder
from serving.decisions.offers import Offer
from serving.decisions.policies.exploration import NOTHING_ID
from serving.decisions.pricing.arbitration import (
    Booleans,
    Floats,
    Priced,
    Stakes,
    is_next_product,
    price_offers,
    stakes_of,
    sums_of,
)
from serving.decisions.pricing.breadth import Breadth, bought_categories, breadth_by
from serving.products.eligibility import Rules
from serving.products.shoppers import Shopper

NOTHING: Final = 0
"""The place of doing nothing among the actions."""

_TWO_SIDED_95: Final = 1.96
_NAMED_NOTHING: Final = np.array([NOTHING_ID], dtype=object)
_NO_PRODUCTS: Final[Indices] = np.empty(0, dtype=np.int32)


@dataclass(frozen=True, eq=False)
class Candidates:
    """Actions by place: doing nothing first, then products at full price, then offers.

    Attributes
    ----------
    offers
        Numbers, in the book, of offers that passed the gates and can be shown and priced.
    priced
        Their terms; None where there are none.
    products
        Positions of the products shown at full price. On outbound channels there are none: the
        contact policy governs offers only, so that nothing permits products to be sent.
    value
        Money, shape (actions,), as all that follow.
    score
        What arbitration compares: the value, for offers times their weight.
    acceptance
        P(accept); 0 for doing nothing.
    product
        Position of the single product that an action is about, else -1.
    """

    inputs: DecisionInputs
    next_order: NextOrder
    stakes: Stakes
    offers: NDArray[np.intp]
    priced: Priced | None
    products: Indices
    value: Floats
    score: Floats
    acceptance: Floats
    product: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        inputs: DecisionInputs,
        customer: int | None,
        shopper: Shopper,
        next_order: NextOrder,
        passed: Booleans,
        rules: Rules,
        *,
        is_contact: bool,
        scores: Mapping[str, Any] | None = None,
    ) -> Candidates:
        """Price every action that may be taken.

        Parameters
        ----------
        passed
            Whether each offer passed the gates, shape (offers,).
        is_contact
            Whether actions go out to the customer.
        scores
            As in :func:`serving.decisions.next_order.next_order_of`.
        """
        plan = inputs.plan
        stakes = stakes_of(plan, customer, next_order.p_buys, is_contact=is_contact, scores=scores)
        sums = sums_of(plan, next_order.products, next_order.probability)
        shown, is_next = sums[0, plan.scope] > 0, is_next_product(plan, customer)
        if is_next is not None:
            is_next &= ~np.isin(plan.product, list(rules.excluded))
            shown |= is_next
        offers = (passed & shown).nonzero()[0]
        products, chance = next_order.products, next_order.p_buys * next_order.probability
        if is_contact:
            products, chance = _NO_PRODUCTS, chance[:0]
        money = chance * plan.margin[products]
        if not len(offers):
            value = _joined(money)
            product = _joined(products, nothing=-1)
            return cls(
                inputs, next_order, stakes, offers, None, products,
                value=value, score=value, acceptance=_joined(chance), product=product,
            )  # fmt: skip
        is_next = None if is_next is None else is_next[offers]
        breadth = _breadth(inputs, customer, shopper, offers, is_next)
        priced = price_offers(plan, stakes, sums, breadth, is_next, offers)
        return cls(
            inputs, next_order, stakes, offers, priced, products,
            value=_joined(money, priced.value),
            score=_joined(money, priced.value * plan.weight[offers]),
            acceptance=_joined(chance, priced.p_accept),
            product=_joined(products, plan.product[offers], nothing=-1),
        )  # fmt: skip

    @property
    def first_offer(self) -> int:
        """The place of the first offer."""
        return 1 + len(self.products)

    def offer_at(self, place: int) -> Offer | None:
        """Return the offer at a place, None where it is none."""
        number = place - self.first_offer
        return self.inputs.book.offers[self.offers[number]] if number >= 0 else None

    def worth(self) -> dict[str, float]:
        """Return the value of each offer, money."""
        offers, values = self.inputs.book.offers, self.value[self.first_offer :].tolist()
        ids = [offers[number].offer_id for number in self.offers.tolist()]
        return dict(zip(ids, values, strict=True))

    def deviation(self) -> Floats:
        """Return the standard error of each score, of the errors that were measured; (actions,)."""
        plan, products = self.inputs.plan, self.products
        chance = self.next_order.probability[: len(products)]
        error = plan.p_buys_error * chance * np.abs(plan.margin[products]) / _TWO_SIDED_95
        if self.priced is None:
            return _joined(error)
        lower, upper = self.priced.bounds
        return _joined(error, (upper - lower) / (2 * _TWO_SIDED_95) * plan.weight[self.offers])

    def ranked(self) -> NDArray[np.intp]:
        """Return the places of the actions, best first, each product once.

        Ties: doing nothing first, then by popularity, then by id; actions about a single product
        come before those that are not.
        """
        by_popularity = self.inputs.plan.popularity[self.product]
        by_popularity[NOTHING] = -1
        # Stable: offers come in the order of their ids, behind the products, which settles the
        # ties that are left.
        order = np.lexsort((by_popularity, -self.score))
        if not (self.product[self.first_offer :] >= 0).any():
            return order
        seen: set[int] = set()
        once = []
        for place, product in zip(order.tolist(), self.product[order].tolist(), strict=True):
            if product not in seen:
                once.append(place)
            if product >= 0:
                seen.add(product)
        return np.array(once, dtype=np.intp)

    def ids(self, places: NDArray[np.intp]) -> list[str]:
        """Return the ids under which actions are logged."""
        inputs = self.inputs
        named = [_NAMED_NOTHING, inputs.logged_products[self.products]]
        if len(self.offers):
            named.append(inputs.logged_offers[self.offers])
        ids: list[str] = np.concatenate(named)[places].tolist()
        return ids


def _breadth(
    inputs: DecisionInputs,
    customer: int | None,
    shopper: Shopper,
    offers: NDArray[np.intp],
    is_next: Booleans | None,
) -> Breadth | None:
    """Return the value of what offers would add to the customer's holdings; None without any."""
    effects = inputs.plan.breadth
    if effects is None or customer is None or not len(offers):
        return None
    if effects.what == "products":
        return breadth_by(effects, customer, is_next)
    bought = bought_categories(inputs.catalogue, customer, shopper)
    category = inputs.plan.category[offers].tolist()
    new = np.array([code >= 0 and code not in bought for code in category], dtype=np.bool_)
    return breadth_by(effects, customer, new)


def _joined(*parts: NDArray[Any], nothing: float = 0.0) -> NDArray[Any]:
    """Concatenate ``nothing``, the products' values and the offers' values, in order of place."""
    every = np.empty(1 + sum(map(len, parts)), dtype=parts[0].dtype)
    every[NOTHING] = nothing
    start = 1
    for part in parts:
        every[start : start + len(part)] = part
        start += len(part)
    return every
