"""The next best offer: every allowed action priced in money, the best of them, or nothing.

DEFINITIONS, Decisions. There is no treatment data yet, so the uplift term is absent and every
term bears the grade ``risk_only``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from models.bundle_schema import BundleColumns as B
from serving.answers import Action, OfferItem, Shortfall, Source, Terms
from serving.catalogue import Catalogue, Indices, Offer
from serving.eligibility import Rules, eligible
from serving.history import purchase_history
from serving.ranking import Pick
from serving.reasons import explain
from serving.shoppers import Shopper


@dataclass(frozen=True)
class OfferAsk:
    """Who is asked for, and ``n`` actions for each of the placements (or in all, without)."""

    customer_id: str | None
    n: int = 1
    placements: Sequence[str] = ()
    exclude: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class OfferOutcome:
    """What came of it; ``considered`` counts the actions compared, doing nothing included."""

    items: list[OfferItem]
    fallback: str | None
    shortfall: Shortfall | None
    considered: int


@dataclass(frozen=True, eq=False)
class _Odds:
    """Eligible products of known margin: P(product in the next order | the customer orders)."""

    p_buys: float
    products: Indices
    probability: NDArray[np.float64]
    source: Source


@dataclass(frozen=True)
class _Candidate:
    action: Action
    terms: Terms
    product: int | None = None
    offer: Offer | None = None


def next_best_offer(
    catalogue: Catalogue, shopper: Shopper, ask: OfferAsk, today: date
) -> OfferOutcome:
    """Price every allowed action for the customer and return those worth more than nothing.

    Fallbacks: ``new_customer`` (base rates: the average customer and the popular products),
    ``no_candidates`` (popular products), ``no_churn_score`` (the average customer's P(buys)),
    ``no_churn_model`` (nothing can be priced).
    """
    customer = None if ask.customer_id is None else catalogue.customers.position(ask.customer_id)
    odds, fallback = _odds(catalogue, customer, _rules(catalogue, shopper, ask))
    nothing = _Candidate("do_nothing", _terms(catalogue, odds.p_buys, 0.0, 0.0, 0.0, 0.0))
    candidates = [nothing, *_products(catalogue, odds)]
    for offer in catalogue.offers:
        if offer.holds_on(today) and offer.offer_id not in shopper.dismissed_offers:
            candidates.extend(_offered(catalogue, odds, offer))
    wanted = ask.n * max(1, len(ask.placements))
    winners = _arbitrate(catalogue, candidates)[:wanted]
    history = purchase_history(catalogue, customer, shopper)
    personal = frozenset(odds.products.tolist()) if odds.source == "personal" else frozenset()
    items = []
    for place, winner in enumerate(winners or [nothing]):
        reasons = []
        if winner.product is not None:
            picked = Pick(winner.product, winner.terms.offer_value, odds.source)
            reasons = explain(catalogue, picked, history, None, personal)
        items.append(
            OfferItem(
                rank=place + 1,
                action=winner.action,
                placement=ask.placements[place // ask.n] if ask.placements else None,
                product_id=_product_id(catalogue, winner),
                offer_id=winner.offer.offer_id if winner.offer else None,
                category=winner.offer.category if winner.offer else None,
                name=_name(catalogue, winner),
                terms=winner.terms,
                reasons=reasons,
            )
        )
    shortfall = _shortfall(wanted, len(winners), len(candidates))
    return OfferOutcome(items, fallback, shortfall, len(candidates))


def _rules(catalogue: Catalogue, shopper: Shopper, ask: OfferAsk) -> Rules:
    return Rules(
        excluded=frozenset(catalogue.products.positions(ask.exclude)),
        dismissed=frozenset(catalogue.products.positions(shopper.dismissed_products)),
    )


def _odds(catalogue: Catalogue, customer: int | None, rules: Rules) -> tuple[_Odds, str | None]:
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
    if row is None or not eligible(catalogue, matrix.indices[matrix.span(row)], rules).any():
        fallback = fallback or "no_candidates"
        source, matrix, row = "popular", catalogue.bundle.popular, 0
    if p_buys is None:
        nobody = np.empty(0, dtype=np.int32)
        return _Odds(0.0, nobody, nobody.astype(np.float64), source), "no_churn_model"
    span = matrix.span(row)
    products = matrix.indices[span]
    keep = eligible(catalogue, products, rules) & ~np.isnan(catalogue.margin[products])
    probability = matrix.values[B.PROBABILITY][span][keep].astype(np.float64)
    return _Odds(p_buys, products[keep], probability, source), fallback


def _products(catalogue: Catalogue, odds: _Odds) -> Iterator[_Candidate]:
    """Yield each product shown at its full price, in a place that costs nothing."""
    for product, probability in zip(odds.products.tolist(), odds.probability.tolist(), strict=True):
        margin = float(catalogue.margin[product])
        terms = _terms(catalogue, odds.p_buys, probability, margin, 0.0, 0.0)
        yield _Candidate("product", terms, product)


def _offered(catalogue: Catalogue, odds: _Odds, offer: Offer) -> Iterator[_Candidate]:
    """Yield the offer, priced over its products among the candidates; nothing without any.

    P(at least one of them) = 1 - prod(1 - p), as if products were chosen independently; margin
    and price are means weighted by p.
    """
    within = ~np.isnan(catalogue.price[odds.products]) & (odds.probability > 0)
    if offer.product is not None:
        within &= odds.products == offer.product
    elif offer.category is not None:
        code = catalogue.category_codes.get(offer.category)
        if code is None:
            return
        within &= catalogue.category_code[odds.products] == code
    products, probability = odds.products[within], odds.probability[within]
    if not len(products):
        return
    weights = probability / probability.sum()
    any_of_them = float(-np.expm1(np.log1p(-np.minimum(probability, 1 - 1e-12)).sum()))
    margin = float(weights @ catalogue.margin[products])
    price_cut = offer.discount_rate * float(weights @ catalogue.price[products])
    terms = _terms(catalogue, odds.p_buys, any_of_them, margin, price_cut, offer.contact_cost)
    yield _Candidate("offer", terms, offer.product, offer)


def _terms(
    catalogue: Catalogue,
    p_buys: float,
    p_product_given_buys: float,
    margin: float,
    price_cut: float,
    contact_cost: float,
) -> Terms:
    p_accept = p_buys * p_product_given_buys
    discount = p_accept * price_cut
    return Terms(
        p_buys=p_buys,
        p_product_given_buys=p_product_given_buys,
        p_accept=p_accept,
        margin=margin,
        discount=discount,
        contact_cost=contact_cost,
        offer_value=p_accept * margin - discount - contact_cost,
        currency=catalogue.manifest.currency,
        evidence="risk_only",
    )


def _arbitrate(catalogue: Catalogue, candidates: Sequence[_Candidate]) -> list[_Candidate]:
    """Sort those worth more than nothing, each product once; ties: popularity, then id."""
    last = len(catalogue.products)

    def order(candidate: _Candidate) -> tuple[float, int, str]:
        popularity = last
        if candidate.product is not None:
            popularity = int(catalogue.fill_position[candidate.product])
        offer_id = candidate.offer.offer_id if candidate.offer else ""
        return -candidate.terms.offer_value, popularity, offer_id

    winners: list[_Candidate] = []
    seen: set[int] = set()
    for candidate in sorted(candidates, key=order):
        if candidate.terms.offer_value > 0 and candidate.product not in seen:
            winners.append(candidate)
            if candidate.product is not None:
                seen.add(candidate.product)
    return winners


def _product_id(catalogue: Catalogue, candidate: _Candidate) -> str | None:
    return None if candidate.product is None else catalogue.product_ids[candidate.product]


def _name(catalogue: Catalogue, candidate: _Candidate) -> str | None:
    if candidate.offer is not None:
        return candidate.offer.name
    return None if candidate.product is None else catalogue.names[candidate.product]


def _shortfall(wanted: int, found: int, considered: int) -> Shortfall | None:
    if found >= wanted:
        return None
    detail = f"{considered} actions compared, {found} worth more than doing nothing"
    return Shortfall(wanted - found, "value" if considered > wanted else "candidates", detail)
