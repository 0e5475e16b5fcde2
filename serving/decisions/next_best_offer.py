"""The next best offer: every allowed action priced in money, the best of them, or nothing.

DEFINITIONS, Decisions. Offers pass the gates (:mod:`serving.decisions.gates.gate`), are priced
beside products and doing nothing (:mod:`serving.decisions.pricing.arbitration`), and are chosen by
the policy that decides for the customer (:mod:`serving.decisions.policies.exploration`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.offers.syntax import Value
from serving.answers import OfferItem, Shortfall
from serving.catalogue import Catalogue
from serving.customers.rescored import Rescored
from serving.decisions.candidates import NOTHING, Candidates, odds_of
from serving.decisions.desk import Desk
from serving.decisions.gates.contact_policy import NEVER, Contact, Contacted
from serving.decisions.gates.gate import gate_one
from serving.decisions.gates.moment import Context
from serving.decisions.gates.stops import Stop
from serving.decisions.offer_items import items_of, shortfall_of
from serving.decisions.policies.exploration import (
    CHAMPION,
    Allowed,
    ChoicePolicy,
    Chosen,
    choose,
)
from serving.decisions.policies.settings import ExplorationSettings
from serving.decisions.pricing.terms import terms_of
from serving.decisions.traces.arbitration_trace import Arbitration, Gates, Shown, arbitration_trace
from serving.decisions.traces.gate_trace import TraceEntry
from serving.decisions.traces.logged_trace import trace_record
from serving.products.eligibility import Rules
from serving.products.shoppers import Shopper

BEST_VALUE: Final = ChoicePolicy(CHAMPION, "value", ExplorationSettings())
"""The policy that always takes what is worth most."""

_NO_RULES: Final = Rules()
_PASSED: Final = int(Stop.PASSED)  # numpy compares with it sooner than with a member


@dataclass(frozen=True)
class OfferAsk:
    """Who is asked for, and ``n`` actions for each of the placements (or in all, without).

    Parameters
    ----------
    channel, context
        By which way, and what rules may know of the circumstances.
    """

    customer_id: str | None
    n: int = 1
    placements: Sequence[str] = ()
    exclude: Sequence[str] = ()
    channel: str = "web"
    context: Mapping[str, Value | None] = field(default_factory=dict)


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
    rescored
        The customer's scores and vector made since the bundle; None where the bundle's count.
    """

    unit: str
    now: datetime
    policy: ChoicePolicy = BEST_VALUE
    past: Contacted | None = NEVER
    refused: Mapping[str, Stop] = field(default_factory=dict)
    rescored: Rescored | None = None


@dataclass(frozen=True, eq=False)
class OfferOutcome:
    """What came of it; ``considered`` counts the actions compared, doing nothing included.

    Parameters
    ----------
    gates
        What they said, of each offer where it came furthest among the placements.
    shown
        Places of what is shown among the candidates, without doing nothing.
    """

    items: list[OfferItem]
    fallback: str | None
    shortfall: Shortfall | None
    considered: int
    allowed: Allowed
    chosen: Chosen
    gates: Gates
    candidates: Candidates
    shown: Sequence[int]

    def trace(self, only: str | None = None) -> list[TraceEntry]:
        """Say of every offer what became of it, or of one alone."""
        candidates = self.candidates
        desk = candidates.desk
        first = candidates.first_offer
        offers = [desk.book.offers[number].offer_id for number in candidates.offers.tolist()]
        said = Arbitration(
            worth=candidates.worth(),
            terms={offer: terms_of(candidates, first + k) for k, offer in enumerate(offers)},
            shown=[
                Shown(
                    item.offer_id,
                    item.product_id,
                    float(candidates.value[place]),
                    float(candidates.score[place]),
                )
                for item, place in zip(self.items, self.shown, strict=False)
            ],
            currency=desk.catalogue.manifest.currency,
        )
        entries = arbitration_trace(desk.book, self.gates, said)
        return [each for each in entries if only in (None, each.offer_id)]

    def trace_record(self) -> dict[str, Any]:
        """Return what of it is kept in the log."""
        gates, candidates = self.gates, self.candidates
        channel = gates.context.channel
        return trace_record(
            candidates.desk.book, channel, gates.stops, gates.row, candidates.worth()
        )

    def contacts(self, desk: Desk, ask: OfferAsk, decider: Decider) -> list[Contact]:
        """Return the contacts that must be reserved before the answer goes out."""
        made = {item.offer_id for item in self.items if item.offer_id is not None}
        if ask.customer_id is None or not made:
            return []
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
    rescored = decider.rescored
    scores = None if rescored is None else rescored.by_column
    row = {} if customer is None else desk.columns.row(customer)
    if rescored is not None and scores is not None:
        said = rescored.vector_by(catalogue.bundle.vectors.column_names[1:]) | scores
        row |= {name: value for name, value in said.items() if name in book.names}
    contexts = [Context(ask.channel, place, ask.context) for place in ask.placements or (None,)]
    past = None if ask.customer_id is None else decider.past
    gated = [_stops(desk, row, here, shopper, past, decider) for here in contexts]
    # By way of bytes: numpy would ask each of the numbers what it is.
    stopped = np.frombuffer(b"".join(map(bytes, gated)), dtype=np.int8)
    passed = (stopped == _PASSED).reshape(len(contexts), len(book))
    rules = _rules(catalogue, shopper, ask)
    odds = odds_of(catalogue, desk.plan, customer, rules, scores)
    way = book.channels.get(ask.channel)
    candidates = Candidates.of(
        desk, customer, shopper, odds, passed.any(axis=0), rules,
        is_contact=way is not None and way.outbound,
        scores=scores,
    )  # fmt: skip
    places = candidates.ranked()
    explores = decider.policy.exploration.explores
    allowed = Allowed(
        ids=candidates.ids(places),
        values=candidates.score[places],
        acceptance=candidates.acceptance[places],
        deviations=candidates.deviation()[places] if explores else np.zeros(len(places)),
        nothing=int((places == NOTHING).argmax()),
    )
    fits = _fits(candidates, places, passed) if ask.placements else None
    chosen = choose(decider.policy, allowed, decider.unit, ask.placements, ask.n, fits)
    shown = [
        (slot.placement, int(places[place]))
        for slot in chosen.slots
        for place in slot.shown
        if place != allowed.nothing
    ]
    considered = len(candidates.value)
    wanted = ask.n * max(1, len(ask.placements))
    stops = gated[0]
    if len(gated) > 1:  # where it came furthest
        stops = [each[passed[:, k].argmax()] for k, each in enumerate(zip(*gated, strict=True))]
    nothing = [(ask.placements[0] if ask.placements else None, NOTHING)]
    return OfferOutcome(
        items=list(items_of(candidates, customer, shopper, shown or nothing)),
        fallback=odds.fallback,
        shortfall=shortfall_of(wanted, len(shown), considered),
        considered=considered,
        allowed=allowed,
        chosen=chosen,
        gates=Gates(stops, row, contexts[0], decider.now),
        candidates=candidates,
        shown=[place for _, place in shown],
    )


def _rules(catalogue: Catalogue, shopper: Shopper, ask: OfferAsk) -> Rules:
    if not (ask.exclude or shopper.dismissed_products):
        return _NO_RULES
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
    fits[:, offer >= 0] = passed[:, candidates.offers[offer[offer >= 0]]]
    return fits
