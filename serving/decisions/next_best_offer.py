"""The next best offer: every allowed action priced in money, the best of them, or nothing.

DEFINITIONS, Decisions. Offers pass the gates (:mod:`serving.decisions.gates.gate`), are priced
beside products and doing nothing (:mod:`serving.decisions.pricing.arbitration`), and are chosen by
the policy that decides for the customer (:mod:`serving.decisions.policies.exploration`). Scores
made since the bundle are used where there are any; decisions in bulk use the bundle's alone.
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
from serving.decisions.candidates import NOTHING, Candidates
from serving.decisions.gates.contact_policy import NO_CONTACTS, Contact, ContactHistory
from serving.decisions.gates.gate import gate_one
from serving.decisions.gates.moment import Context
from serving.decisions.gates.stops import Stop
from serving.decisions.inputs import DecisionInputs
from serving.decisions.next_order import next_order_of
from serving.decisions.offer_items import items_of, shortfall_of
from serving.decisions.policies.exploration import (
    CHAMPION,
    Allowed,
    ChoicePolicy,
    Chosen,
    choose,
)
from serving.decisions.policies.settings import ExplorationSettings
from serving.decisions.pricing.offer_terms import terms_of
from serving.decisions.traces.arbitration_trace import Arbitration, Gates, Shown, arbitration_trace
from serving.decisions.traces.gate_trace import TraceEntry
from serving.decisions.traces.logged_trace import trace_record
from serving.products.eligibility import Rules
from serving.products.shoppers import Shopper

BEST_VALUE: Final = ChoicePolicy(CHAMPION, "value", ExplorationSettings())
"""The policy that always takes what is worth most."""

_NO_RULES: Final = Rules()
_PASSED: Final = int(Stop.PASSED)  # numpy compares with an int faster than with an enum member


@dataclass(frozen=True)
class OfferAsk:
    """A request for a customer's next best offers.

    Parameters
    ----------
    n
        Actions for each placement, or in all where there are no placements.
    exclude
        Ids of products not to be shown.
    channel
        Where the offers would be made: ``web``, ``email`` or another of the policy.
    context
        Circumstances that rules may read, as the policy declares them.
    """

    customer_id: str | None
    n: int = 1
    placements: Sequence[str] = ()
    exclude: Sequence[str] = ()
    channel: str = "web"
    context: Mapping[str, Value | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Decider:
    """How one decision is made, and what is known of the customer beside the bundle.

    Parameters
    ----------
    unit
        The decision's id: the same id draws the same actions.
    now
        With its time zone.
    past
        Contacts with the customer; None for a customer without an id.
    refused
        By offer id: offers that passed the gates, but whose contact the log refused.
    rescored
        The customer's scores and vector made since the bundle; None where the bundle's hold.
    """

    unit: str
    now: datetime
    policy: ChoicePolicy = BEST_VALUE
    past: ContactHistory | None = NO_CONTACTS
    refused: Mapping[str, Stop] = field(default_factory=dict)
    rescored: Rescored | None = None


@dataclass(frozen=True, eq=False)
class OfferOutcome:
    """The decision; ``considered`` counts the actions compared, doing nothing included.

    Parameters
    ----------
    gates
        Where each offer stopped, in the placement in which it came furthest.
    shown
        Places of the actions shown among the candidates, without doing nothing.
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
        """Explain what became of every offer, or of the one with this id."""
        candidates = self.candidates
        inputs = candidates.inputs
        first = candidates.first_offer
        offers = [inputs.book.offers[number].offer_id for number in candidates.offers.tolist()]
        arbitration = Arbitration(
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
            currency=inputs.catalogue.manifest.currency,
        )
        entries = arbitration_trace(inputs.book, self.gates, arbitration)
        return [each for each in entries if only in (None, each.offer_id)]

    def trace_record(self) -> dict[str, Any]:
        """Return the part of the trace that is logged."""
        gates, candidates = self.gates, self.candidates
        channel = gates.context.channel
        return trace_record(
            candidates.inputs.book, channel, gates.stops, gates.row, candidates.worth()
        )

    def contacts(self, inputs: DecisionInputs, ask: OfferAsk, decider: Decider) -> list[Contact]:
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
            for offer in inputs.book.offers
            if offer.offer_id in made and inputs.book.needs_reservation(offer, ask.channel)
        ]


def next_best_offer(
    inputs: DecisionInputs, shopper: Shopper, ask: OfferAsk, decider: Decider
) -> OfferOutcome:
    """Price every allowed action for the customer and return those worth more than nothing.

    Fallbacks: ``new_customer`` (base rates: the average customer and the popular products),
    ``no_candidates`` (popular products), ``no_churn_score`` (P(buys) is the share of lapsed
    customers who come back), ``no_churn_model`` (nothing can be priced).
    """
    catalogue, book = inputs.catalogue, inputs.book
    customer = None if ask.customer_id is None else catalogue.customers.position(ask.customer_id)
    rescored = decider.rescored
    scores = None if rescored is None else rescored.by_column
    row = {} if customer is None else inputs.columns.row(customer)
    if rescored is not None and scores is not None:
        newer = rescored.vector_by(catalogue.bundle.vectors.column_names[1:]) | scores
        row |= {name: value for name, value in newer.items() if name in book.names}
    contexts = [Context(ask.channel, place, ask.context) for place in ask.placements or (None,)]
    past = None if ask.customer_id is None else decider.past
    gated = [_stops(inputs, row, here, shopper, past, decider) for here in contexts]
    # Through bytes: numpy would inspect each number.
    stopped = np.frombuffer(b"".join(map(bytes, gated)), dtype=np.int8)
    passed = (stopped == _PASSED).reshape(len(contexts), len(book))
    rules = _rules(catalogue, shopper, ask)
    next_order = next_order_of(catalogue, inputs.plan, customer, rules, scores)
    declared = book.channels.get(ask.channel)
    candidates = Candidates.of(
        inputs, customer, shopper, next_order, passed.any(axis=0), rules,
        is_contact=declared is not None and declared.outbound,
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
        fallback=next_order.fallback,
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
    inputs: DecisionInputs,
    row: Mapping[str, Value | None],
    context: Context,
    shopper: Shopper,
    past: ContactHistory | None,
    decider: Decider,
) -> list[Stop]:
    stops = gate_one(inputs.book, row, context, decider.now, shopper, past)
    if not decider.refused:
        return stops
    return [
        stop or decider.refused.get(offer.offer_id, Stop.PASSED)
        for offer, stop in zip(inputs.book.offers, stops, strict=True)
    ]


def _fits(
    candidates: Candidates, places: NDArray[np.int64], passed: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return which of the ranked actions may be shown in each placement."""
    offer = places - candidates.first_offer
    fits = np.ones((len(passed), len(places)), dtype=np.bool_)
    fits[:, offer >= 0] = passed[:, candidates.offers[offer[offer >= 0]]]
    return fits
