"""The trace of a decision: the gates' verdict on every offer, then that of arbitration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from models.offers.single import Row
from serving.decisions.gates.moment import Context
from serving.decisions.gates.stops import Stop
from serving.decisions.offers import Offer, OfferBook
from serving.decisions.policies.exploration import OFFER, PRODUCT
from serving.decisions.terms import Terms
from serving.decisions.traces.gate_trace import TraceEntry, arbitrated, trace


class Gates(NamedTuple):
    """The gates' result for each offer and its inputs: the customer's values, place and time."""

    stops: Sequence[Stop]
    row: Row
    context: Context
    now: datetime


class Arbitration(NamedTuple):
    """The result of arbitration for the offers that passed the gates.

    Parameters
    ----------
    worth
        Offer value by offer id, money, of those that could be shown and priced.
    terms
        By offer id, where they are known.
    shown
        The actions shown, without doing nothing.
    """

    worth: Mapping[str, float]
    terms: Mapping[str, Terms]
    shown: Sequence[Shown]
    currency: str


class Shown(NamedTuple):
    """An action that is shown; ``score`` is its value times its weight."""

    offer_id: str | None
    product_id: str | None
    value: float
    score: float

    @property
    def logged_id(self) -> str:
        """The id under which the action is logged."""
        return f"{PRODUCT}{self.product_id}" if self.offer_id is None else f"{OFFER}{self.offer_id}"


def arbitration_trace(book: OfferBook, gates: Gates, arbitration: Arbitration) -> list[TraceEntry]:
    """Return what became of every offer, in the order of the offers."""
    entries = trace(book, *gates)
    return [
        entry if stop else _explained(entry, offer, arbitration)
        for entry, offer, stop in zip(entries, book.offers, gates.stops, strict=True)
    ]


def _explained(entry: TraceEntry, offer: Offer, arbitration: Arbitration) -> TraceEntry:
    value = arbitration.worth.get(offer.offer_id)
    if value is None:
        reason = "none of the products promoted can be shown to this customer and priced"
        return arbitrated(entry, "nothing_to_show", reason, None, made=False)
    code, why = _verdict(offer, value, arbitration)
    reason = f"worth {value:.2f} {arbitration.currency}: {why}"
    done = arbitrated(entry, code, reason, value, made=code == "made")
    return replace(done, terms=arbitration.terms.get(offer.offer_id))


def _verdict(offer: Offer, value: float, arbitration: Arbitration) -> tuple[str, str]:
    """Return why the offer is or is not shown: a code and words."""
    if any(each.offer_id == offer.offer_id for each in arbitration.shown):
        return "made", "among the items"
    score = value * offer.weight
    if score <= 0:
        return "worth_nothing", "not more than doing nothing"
    rivals = [each for each in arbitration.shown if each.score >= score]
    if offer.product_id is not None and offer.product_id in {each.product_id for each in rivals}:
        return "same_product", "the same product is worth more as it is shown"
    if not rivals:
        return "explored", "another was tried, or nothing, to learn what it is worth"
    best = max(arbitration.shown, key=lambda each: each.score)
    return "worth_less", f"{best.logged_id} is worth {best.value:.2f} {arbitration.currency}"
