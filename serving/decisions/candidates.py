"""Every action that one customer may be shown, priced, as arrays: nothing, products, offers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.bundle_schema import BundleColumns as B
from serving.answers import Source
from serving.catalogue import Catalogue, Indices
from serving.decisions.desk import Desk
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
from serving.decisions.pricing.plan import Plan
from serving.products.eligibility import Rules, eligible
from serving.products.shoppers import Shopper

NOTHING: Final = 0
"""The place of doing nothing among the actions."""

_TWO_SIDED_95: Final = 1.96
_NAMED_NOTHING: Final = np.array([NOTHING_ID], dtype=object)
_NO_PRODUCTS: Final[Indices] = np.empty(0, dtype=np.int32)


@dataclass(frozen=True, eq=False)
class Odds:
    """Eligible products of known margin: P(product in the next order | the customer orders)."""

    p_buys: float
    products: Indices
    probability: Floats
    source: Source
    fallback: str | None


def odds_of(
    catalogue: Catalogue,
    plan: Plan,
    customer: int | None,
    rules: Rules,
    scores: Mapping[str, Any] | None = None,
) -> Odds:
    """Return what is known of a customer's next order, or else of everybody's.

    Parameters
    ----------
    scores
        Made since the bundle, by column; without them those of the bundle count.
    """
    fallback = "new_customer" if customer is None else None
    p_buys = catalogue.average_p_buys
    source: Source = "personal"
    matrix, row = catalogue.bundle.candidates, customer
    churn = None
    if scores is not None:
        churn = scores[B.CHURN_PROBABILITY]
    elif customer is not None:
        churn = float(catalogue.churn_probability[customer])
    if churn is not None and not math.isnan(churn):
        p_buys = 1 - churn
    elif customer is not None and p_buys is not None:
        fallback = "no_churn_score"
    span = products = allowed = None
    if row is not None:
        span = matrix.span(row)
        products = matrix.indices[span]
        allowed = eligible(catalogue, products, rules)
    if span is None or products is None or allowed is None or not allowed.any():
        fallback = fallback or "no_candidates"
        source, matrix = "popular", catalogue.bundle.popular
        span = matrix.span(0)
        products = matrix.indices[span]
        allowed = eligible(catalogue, products, rules)
    if p_buys is None:
        return Odds(0.0, _NO_PRODUCTS, np.empty(0), source, "no_churn_model")
    keep = allowed & plan.has_margin[products]
    probability = matrix.values[B.PROBABILITY][span][keep].astype(np.float64)
    return Odds(p_buys, products[keep], probability, source, fallback)


@dataclass(frozen=True, eq=False)
class Candidates:
    """Actions by place: nothing first, then each product at its full price, then offers.

    Attributes
    ----------
    offers
        Numbers of the offers that may be made: they passed the gates and can be shown and priced.
    priced
        Their terms; None where there are none.
    products
        Positions of the products shown at their full price. Where actions go out to the customer
        there are none: the contact policy speaks of offers alone, and nobody asked the customer
        whether products may be sent.
    value
        Money, shape (actions,), as all that follow.
    score
        What arbitration compares: values, those of offers times their weight.
    acceptance
        P(accept); nothing is never accepted.
    product
        Position of the one product that an action is about, -1 where it is not about one.
    """

    desk: Desk
    odds: Odds
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
        desk: Desk,
        customer: int | None,
        shopper: Shopper,
        odds: Odds,
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
            As in :func:`odds_of`.
        """
        plan = desk.plan
        stakes = stakes_of(plan, customer, odds.p_buys, is_contact=is_contact, scores=scores)
        sums = sums_of(plan, odds.products, odds.probability)
        shown, is_next = sums[0, plan.scope] > 0, is_next_product(plan, customer)
        if is_next is not None:
            is_next &= ~np.isin(plan.product, list(rules.excluded))
            shown |= is_next
        offers = (passed & shown).nonzero()[0]
        products, chance = odds.products, odds.p_buys * odds.probability
        if is_contact:
            products, chance = _NO_PRODUCTS, chance[:0]
        money = chance * plan.margin[products]
        if not len(offers):
            value, product = _joined(money), _joined(products, nothing=-1)
            acceptance = _joined(chance)
            return cls(
                desk, odds, stakes, offers, None, products, value, value, acceptance, product
            )
        is_next = None if is_next is None else is_next[offers]
        breadth = _breadth(desk, customer, shopper, offers, is_next)
        priced = price_offers(plan, stakes, sums, breadth, is_next, offers)
        return cls(
            desk,
            odds,
            stakes,
            offers,
            priced,
            products,
            value=_joined(money, priced.value),
            score=_joined(money, priced.value * plan.weight[offers]),
            acceptance=_joined(chance, priced.p_accept),
            product=_joined(products, plan.product[offers], nothing=-1),
        )

    @property
    def first_offer(self) -> int:
        """The place of the first offer."""
        return 1 + len(self.products)

    def offer_at(self, place: int) -> Offer | None:
        """Return the offer at a place, None where it is none."""
        number = place - self.first_offer
        return self.desk.book.offers[self.offers[number]] if number >= 0 else None

    def worth(self) -> dict[str, float]:
        """Return the value of each offer, money."""
        offers, values = self.desk.book.offers, self.value[self.first_offer :].tolist()
        ids = [offers[number].offer_id for number in self.offers.tolist()]
        return dict(zip(ids, values, strict=True))

    def deviation(self) -> Floats:
        """Return the standard error of each score, as far as it was measured; (actions,)."""
        plan, products = self.desk.plan, self.products
        chance = self.odds.probability[: len(products)]
        error = plan.p_buys_error * chance * np.abs(plan.margin[products]) / _TWO_SIDED_95
        if self.priced is None:
            return _joined(error)
        lower, upper = self.priced.bounds
        return _joined(error, (upper - lower) / (2 * _TWO_SIDED_95) * plan.weight[self.offers])

    def ranked(self) -> NDArray[np.intp]:
        """Return the places of the actions, best first, each product once.

        Ties go to nothing, then by popularity, then id; what is about one product comes before
        the rest.
        """
        by_popularity = self.desk.plan.popularity[self.product]
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
        """Return what actions are logged as."""
        desk = self.desk
        named = [_NAMED_NOTHING, desk.logged_products[self.products]]
        if len(self.offers):
            named.append(desk.logged_offers[self.offers])
        ids: list[str] = np.concatenate(named)[places].tolist()
        return ids


def _breadth(
    desk: Desk,
    customer: int | None,
    shopper: Shopper,
    offers: NDArray[np.intp],
    is_next: Booleans | None,
) -> Breadth | None:
    """Return what offers of something new to the customer add to what is held."""
    more = desk.plan.more
    if more is None or customer is None or not len(offers):
        return None
    if more.what == "products":
        return breadth_by(more, customer, is_next)
    bought = bought_categories(desk.catalogue, customer, shopper)
    category = desk.plan.category[offers].tolist()
    new = np.array([code >= 0 and code not in bought for code in category], dtype=np.bool_)
    return breadth_by(more, customer, new)


def _joined(*parts: NDArray[Any], nothing: float = 0.0) -> NDArray[Any]:
    """Return what holds of doing nothing, of products and of offers, by place."""
    every = np.empty(1 + sum(map(len, parts)), dtype=parts[0].dtype)
    every[NOTHING] = nothing
    start = 1
    for part in parts:
        every[start : start + len(part)] = part
        start += len(part)
    return every
