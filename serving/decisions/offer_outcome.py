"""What is asked of a decision on offers, who decides how, and what came out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from models.offers.syntax import Value
from serving.answers import OfferItem, Shortfall
from serving.customers.rescored import Rescored
from serving.decisions.candidates import Candidates
from serving.decisions.gates.contact_policy import NO_CONTACTS, Contact, ContactHistory
from serving.decisions.gates.stops import Stop
from serving.decisions.inputs import DecisionInputs
from serving.decisions.policies.exploration import CHAMPION, Allowed, ChoicePolicy, Chosen
from serving.decisions.policies.settings import ExplorationSettings
from serving.decisions.pricing.offer_terms import terms_of
from serving.decisions.traces.arbitration_trace import Arbitration, Gates, Shown, arbitration_trace
from serving.decisions.traces.gate_trace import TraceEntry
from serving.decisions.traces.logged_trace import trace_record

BEST_VALUE: Final = ChoicePolicy(CHAMPION, "value", ExplorationSettings())
"""The policy that always takes what is worth most."""


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
        The gates' verdict on each offer: passed if it passed for any placement.
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
