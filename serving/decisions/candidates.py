"""Every action that one customer could be shown, priced, as arrays: nothing, products, offers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.bundle_schema import BundleColumns as B
from serving.answers import Source, Terms
from serving.catalogue import Catalogue, Indices
from serving.decisions.arbitration import (
    Floats,
    Priced,
    Stakes,
    Sums,
    price_offers,
    stakes_of,
    sums_of,
    weights_of,
)
from serving.decisions.desk import Desk
from serving.decisions.exploration import NOTHING_ID
from serving.products.eligibility import Rules, eligible

NOTHING: Final = 0
"""The place of doing nothing among the actions."""

_TWO_SIDED_95: Final = 1.96


@dataclass(frozen=True, eq=False)
class Odds:
    """Eligible products of known margin: P(product in the next order | the customer orders)."""

    p_buys: float
    products: Indices
    probability: Floats
    source: Source
    fallback: str | None


def odds_of(catalogue: Catalogue, customer: int | None, rules: Rules) -> Odds:
    """Return what is known of a customer's next order, or else of everybody's."""
    fallback = "new_customer" if customer is None else None
    p_buys = catalogue.average_p_buys
    source: Source = "personal"
    matrix, row = catalogue.bundle.candidates, customer
    if customer is not None:
        churn = float(catalogue.churn_probability[customer])
        if not math.isnan(churn):
            p_buys = 1 - churn
        elif p_buys is not None:
            fallback = "no_churn_score"
    allowed = None
    if row is not None:
        allowed = eligible(catalogue, matrix.indices[matrix.span(row)], rules)
    if row is None or allowed is None or not allowed.any():
        fallback = fallback or "no_candidates"
        source, matrix, row = "popular", catalogue.bundle.popular, 0
        allowed = eligible(catalogue, matrix.indices[matrix.span(row)], rules)
    if p_buys is None:
        nobody = np.empty(0, dtype=np.int32)
        return Odds(0.0, nobody, nobody.astype(np.float64), source, "no_churn_model")
    span = matrix.span(row)
    products = matrix.indices[span]
    keep = allowed & ~np.isnan(catalogue.margin[products])
    probability = matrix.values[B.PROBABILITY][span][keep].astype(np.float64)
    return Odds(p_buys, products[keep], probability, source, fallback)


@dataclass(frozen=True, eq=False)
class Candidates:
    """Actions by place: nothing first, then each product at its full price, then every offer.

    Attributes
    ----------
    is_contact
        Whether actions go out to the customer. Then offers alone may: the contact policy speaks
        of them, and nobody asked the customer whether products may be sent.
    """

    desk: Desk
    odds: Odds
    stakes: Stakes
    sums: Sums
    priced: Priced
    is_contact: bool

    @classmethod
    def of(cls, desk: Desk, customer: int | None, odds: Odds, *, is_contact: bool) -> Candidates:
        """Price every action."""
        stakes = stakes_of(desk.plan, customer, odds.p_buys, is_contact=is_contact)
        weights = weights_of(desk.plan, odds.products, odds.probability)
        sums = sums_of(desk.plan, odds.products, weights)
        priced = price_offers(desk.plan, stakes, sums)
        return cls(desk, odds, stakes, sums, priced, is_contact)

    @cached_property
    def first_offer(self) -> int:
        """The place of the first offer."""
        return 1 + len(self.odds.products)

    @cached_property
    def can_be_made(self) -> NDArray[np.bool_]:
        """Whether an offer has anything to show to this customer, shape (offers,)."""
        return self.sums.chance[self.desk.plan.scope] > 0

    @cached_property
    def value(self) -> Floats:
        """Money, shape (actions,)."""
        odds, margin = self.odds, self.desk.catalogue.margin[self.odds.products]
        return self._joined(odds.p_buys * odds.probability * margin, self.priced.value)

    @cached_property
    def score(self) -> Floats:
        """What arbitration compares: values, those of offers times their weight."""
        weighted = self.value.copy()
        weighted[self.first_offer :] *= self.desk.plan.weight
        return weighted

    @cached_property
    def acceptance(self) -> Floats:
        """P(accept), shape (actions,); nothing is never accepted."""
        return self._joined(self.odds.p_buys * self.odds.probability, self.priced.p_accept)

    @cached_property
    def deviation(self) -> Floats:
        """Standard error of each score, as far as it was measured; shape (actions,)."""
        width = (self.priced.upper - self.priced.lower) / (2 * _TWO_SIDED_95)
        margin = np.abs(self.desk.catalogue.margin[self.odds.products])
        error = self.desk.plan.p_buys_error * self.odds.probability * margin / _TWO_SIDED_95
        return self._joined(error, width * self.desk.plan.weight)

    @cached_property
    def product(self) -> NDArray[np.int64]:
        """Position of the one product that an action is about, -1 where it is not about one."""
        return np.concatenate([[-1], self.odds.products, self.desk.plan.product])

    def may_be_taken(self, passed: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which actions may be taken, shape (actions,).

        Parameters
        ----------
        passed
            Whether each offer passed the gates, shape (offers,).
        """
        may = np.ones(len(self.score), dtype=np.bool_)
        may[1 : self.first_offer] = not self.is_contact
        may[self.first_offer :] = passed & self.can_be_made
        return may

    def ranked(self, may: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return the places of the actions that may be taken, best first, each product once.

        Ties go to nothing, then by popularity, then id; what is about one product comes before
        the rest.

        Parameters
        ----------
        may
            From :meth:`may_be_taken`.
        """
        places = np.flatnonzero(may)
        popularity = self.desk.catalogue.fill_position
        product = self.product[places]
        # What is about no one product, thus at place -1, comes behind all that is.
        by_popularity = np.append(popularity, len(popularity))[product]
        by_popularity[0] = -1
        order = np.lexsort((places, by_popularity, -self.score[places]))
        places, product = places[order], product[order]
        # Offers come in the order of their ids, so that places break what ties are left.
        by_product = product.argsort(kind="stable")
        named, once = product[by_product], product < 0
        once[by_product[:1]] = True
        once[by_product[1:][named[1:] != named[:-1]]] = True
        return places[once]

    def ids(self, places: Sequence[int]) -> list[str]:
        """Return what actions are logged as."""
        products = map(self.desk.logged_products.__getitem__, self.odds.products.tolist())
        named = [NOTHING_ID, *products, *self.desk.logged_offers]
        return [named[place] for place in places]

    def terms(self, place: int) -> Terms:
        """Return every term of one action."""
        if place < self.first_offer:
            return self._terms_of_product(place)
        at, priced, plan = place - self.first_offer, self.priced, self.desk.plan
        known = not np.isnan(priced.retention[at])
        return Terms(
            p_buys=self.odds.p_buys,
            p_product_given_buys=float(priced.any_of_them[at]),
            p_accept=float(priced.p_accept[at]),
            margin=float(priced.margin[at]),
            discount=float(priced.discount[at]),
            acceptance_cost=float(priced.acceptance_cost[at]),
            contact_cost=float(plan.contact_cost[at]),
            uplift=float(self.stakes.uplift) if known else None,
            remaining_value=float(self.stakes.remaining_value) if known else None,
            retention=float(priced.retention[at]) if known else 0.0,
            retention_lower=float(priced.retention_lower[at]) if known else None,
            retention_upper=float(priced.retention_upper[at]) if known else None,
            offer_value=float(priced.value[at]),
            offer_value_lower=float(priced.lower[at]),
            offer_value_upper=float(priced.upper[at]),
            currency=self.desk.catalogue.manifest.currency,
            evidence=plan.evidence if known else "risk_only",
        )

    def _terms_of_product(self, place: int) -> Terms:
        """Return the terms of a product shown at its full price, or of doing nothing."""
        chance, margin = 0.0, 0.0
        if place != NOTHING:
            chance = float(self.odds.probability[place - 1])
            margin = float(self.desk.catalogue.margin[self.product[place]])
        value = self.odds.p_buys * chance * margin
        spread = self.desk.plan.p_buys_error * chance * abs(margin)
        return Terms(
            p_buys=self.odds.p_buys,
            p_product_given_buys=chance,
            p_accept=self.odds.p_buys * chance,
            margin=margin,
            discount=0.0,
            acceptance_cost=0.0,
            contact_cost=0.0,
            uplift=None,
            remaining_value=None,
            retention=0.0,
            retention_lower=None,
            retention_upper=None,
            offer_value=value,
            offer_value_lower=value - spread,
            offer_value_upper=value + spread,
            currency=self.desk.catalogue.manifest.currency,
            evidence="risk_only",
        )

    def _joined(self, products: Floats, offers: Floats) -> Floats:
        return np.concatenate([[0.0], products, offers])
