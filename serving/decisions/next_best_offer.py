"""The next best offer: every allowed action priced in money, the best of them, or nothing.

DEFINITIONS, Decisions. Offers pass the gates (:mod:`serving.decisions.gates`), are priced beside
products and doing nothing (:mod:`serving.decisions.arbitration`), and are chosen by the policy
that decides for the customer (:mod:`serving.decisions.exploration`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.offers.syntax import Value
from serving.answers import OfferItem, Reason, Shortfall
from serving.catalogue import Catalogue
from serving.decisions.arbitration_trace import TraceEntry, arbitration_trace
from serving.decisions.candidates import NOTHING, Candidates, odds_of
from serving.decisions.contact_policy import NEVER, Contact, Contacted
from serving.decisions.desk import Desk
from serving.decisions.exploration import (
    CHAMPION,
    Allowed,
    ChoicePolicy,
    Chosen,
    choose,
)
from serving.decisions.gates import gate_one
from serving.decisions.moment import Context
from serving.decisions.policy_settings import ExplorationSettings
from serving.decisions.stops import Stop
from serving.products.eligibility import Rules
from serving.products.history import purchase_history
from serving.products.ranking import Pick
from serving.products.reasons import accounts_of, explain
from serving.products.shoppers import Shopper

BEST_VALUE: Final = ChoicePolicy(CHAMPION, "value", ExplorationSettings())
"""The policy that always takes what is worth most."""


@dataclass(frozen=True)
class OfferAsk:
    """Who is asked for, and ``n`` actions for each of the placements (or in all, without).

    Parameters
    ----------
    channel, context
        By which way, and what rules may know of the circumstances.
    trace
        Say of every offer what became of it; or of the one offer ``why_not`` alone.
    """

    customer_id: str | None
    n: int = 1
    placements: Sequence[str] = ()
    exclude: Sequence[str] = ()
    channel: str = "web"
    context: Mapping[str, Value | None] = field(default_factory=dict)
    trace: bool = False
    why_not: str | None = None


@dataclass(frozen=True)
class Decider:
    """Who decides, on what, when, and what is known of contacts made.

    Parameters
    ----------
    unit
        The decision's id: the same draws the same.
    now
        With its zone.
    past
        What the customer was sent; None where that is not known of anybody.
    refused
        Offers that the contact log would not take, though the gates let them pass.
    """

    unit: str
    now: datetime
    policy: ChoicePolicy = BEST_VALUE
    past: Contacted | None = NEVER
    refused: Mapping[str, Stop] = field(default_factory=dict)


@dataclass(frozen=True)
class OfferOutcome:
    """What came of it; ``considered`` counts the actions compared, doing nothing included."""

    items: list[OfferItem]
    fallback: str | None
    shortfall: Shortfall | None
    considered: int
    allowed: Allowed
    chosen: Chosen
    trace: list[TraceEntry] | None = None

    def contacts(self, desk: Desk, ask: OfferAsk, decider: Decider) -> list[Contact]:
        """Return the contacts that must be reserved before the answer goes out."""
        if ask.customer_id is None:
            return []
        made = {item.offer_id for item in self.items}
        return [
            Contact(
                f"{decider.unit}:{offer.offer_id}",
                ask.customer_id,
                offer.offer_id,
                ask.channel,
                decider.now,
                decider.unit,
            )
            for offer in desk.book.offers
            if offer.offer_id in made and desk.book.needs_reservation(offer, ask.channel)
        ]


def next_best_offer(desk: Desk, shopper: Shopper, ask: OfferAsk, decider: Decider) -> OfferOutcome:
    """Price every allowed action for the customer and return those worth more than nothing.

    Fallbacks: ``new_customer`` (base rates: the average customer and the popular products),
    ``no_candidates`` (popular products), ``no_churn_score`` (the average customer's P(buys)),
    ``no_churn_model`` (nothing can be priced).
    """
    catalogue, book = desk.catalogue, desk.book
    customer = None if ask.customer_id is None else catalogue.customers.position(ask.customer_id)
    odds = odds_of(catalogue, customer, _rules(catalogue, shopper, ask))
    way = book.channels.get(ask.channel)
    is_contact = way is not None and way.outbound
    candidates = Candidates.of(desk, customer, odds, is_contact=is_contact)
    row = {} if customer is None else desk.columns.row(customer)
    contexts = [Context(ask.channel, place, ask.context) for place in ask.placements or (None,)]
    past = None if ask.customer_id is None else decider.past
    gated = [_stops(desk, row, here, shopper, past, decider) for here in contexts]
    passed = np.array(gated).reshape(len(contexts), len(book)) == Stop.PASSED
    may = candidates.may_be_taken(passed.any(axis=0))
    places = candidates.ranked(may)
    allowed = Allowed(
        ids=candidates.ids(places.tolist()),
        values=candidates.score[places],
        acceptance=candidates.acceptance[places],
        deviations=candidates.deviation[places],
        nothing=int(np.flatnonzero(places == NOTHING)[0]),
    )
    fits = _fits(candidates, places, passed)
    chosen = choose(decider.policy, allowed, decider.unit, ask.placements, ask.n, fits)
    shown = [
        (slot.placement, int(places[place]))
        for slot in chosen.slots
        for place in slot.shown
        if place != allowed.nothing
    ]
    considered = int(may.sum())
    wanted = ask.n * max(1, len(ask.placements))
    said = None
    if ask.trace or ask.why_not is not None:
        best = [stops[passed[:, k].argmax()] for k, stops in enumerate(zip(*gated, strict=True))]
        made = {place for _, place in shown}
        said = arbitration_trace(candidates, best, row, contexts[0], decider.now, made)
        said = [each for each in said if ask.why_not in (None, each.offer_id)]
    nothing = [(ask.placements[0] if ask.placements else None, NOTHING)]
    return OfferOutcome(
        items=list(_items(candidates, customer, shopper, shown or nothing)),
        fallback=odds.fallback,
        shortfall=_shortfall(wanted, len(shown), considered),
        considered=considered,
        allowed=allowed,
        chosen=chosen,
        trace=said,
    )


def _rules(catalogue: Catalogue, shopper: Shopper, ask: OfferAsk) -> Rules:
    return Rules(
        excluded=frozenset(catalogue.products.positions(ask.exclude)),
        dismissed=frozenset(catalogue.products.positions(shopper.dismissed_products)),
    )


def _stops(
    desk: Desk,
    row: Mapping[str, Value | None],
    context: Context,
    shopper: Shopper,
    past: Contacted | None,
    decider: Decider,
) -> list[Stop]:
    stops = gate_one(desk.book, row, context, decider.now, shopper, past)
    if not decider.refused:
        return stops
    return [
        stop or decider.refused.get(offer.offer_id, Stop.PASSED)
        for offer, stop in zip(desk.book.offers, stops, strict=True)
    ]


def _fits(
    candidates: Candidates, places: NDArray[np.int64], passed: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return which of the ranked actions may be shown in each placement."""
    offer = places - candidates.first_offer
    fits = np.ones((len(passed), len(places)), dtype=np.bool_)
    fits[:, offer >= 0] = passed[:, offer[offer >= 0]]
    return fits


def _items(
    candidates: Candidates,
    customer: int | None,
    shopper: Shopper,
    shown: Sequence[tuple[str | None, int]],
) -> Iterator[OfferItem]:
    catalogue, odds = candidates.desk.catalogue, candidates.odds
    history = purchase_history(catalogue, customer, shopper)
    because = accounts_of(catalogue, customer) if odds.source == "personal" else {}
    for rank, (placement, place) in enumerate(shown, start=1):
        number = place - candidates.first_offer
        offer = candidates.desk.book.offers[number] if number >= 0 else None
        product = int(candidates.product[place])
        terms = candidates.terms(place)
        reasons: list[Reason] = []
        if product >= 0:
            picked = Pick(product, terms.offer_value, odds.source)
            reasons = explain(catalogue, picked, history, None, because)
        yield OfferItem(
            rank=rank,
            action="do_nothing" if place == NOTHING else "product" if offer is None else "offer",
            placement=placement,
            product_id=catalogue.product_ids[product] if product >= 0 else None,
            offer_id=None if offer is None else offer.offer_id,
            category=None if offer is None else offer.category,
            name=offer.name if offer is not None else catalogue.names[product]
            if product >= 0 else None,
            terms=terms,
            reasons=reasons,
        )  # fmt: skip


def _shortfall(wanted: int, found: int, considered: int) -> Shortfall | None:
    if found >= wanted:
        return None
    detail = f"{considered} actions compared, {found} worth more than doing nothing"
    return Shortfall(wanted - found, "value" if considered > wanted else "candidates", detail)
