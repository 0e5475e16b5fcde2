"""Why not X? The gates' word on every offer, and arbitration's on those that passed them."""

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
from serving.decisions.traces.gate_trace import TraceEntry, arbitrated, trace
from serving.terms import Terms


class Gates(NamedTuple):
    """What the gates said of each offer, and what they knew: their values, where, and when."""

    stops: Sequence[Stop]
    row: Row
    context: Context
    now: datetime


class Arbitration(NamedTuple):
    """What arbitration said of the offers that passed the gates.

    Parameters
    ----------
    worth
        Money, of each that could be shown and priced.
    terms
        Of those whose terms are known.
    shown
        What is shown, without doing nothing.
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
        """What it is logged as."""
        return f"{PRODUCT}{self.product_id}" if self.offer_id is None else f"{OFFER}{self.offer_id}"


def arbitration_trace(book: OfferBook, gates: Gates, said: Arbitration) -> list[TraceEntry]:
    """Return what became of every offer, in the order of the offers."""
    entries = trace(book, *gates)
    return [
        entry if stop else _word(entry, offer, said)
        for entry, offer, stop in zip(entries, book.offers, gates.stops, strict=True)
    ]


def _word(entry: TraceEntry, offer: Offer, said: Arbitration) -> TraceEntry:
    value = said.worth.get(offer.offer_id)
    if value is None:
        reason = "none of the products promoted can be shown to this customer and priced"
        return arbitrated(entry, "nothing_to_show", reason, None, made=False)
    code, why = _verdict(offer, value, said)
    reason = f"worth {value:.2f} {said.currency}: {why}"
    done = arbitrated(entry, code, reason, value, made=code == "made")
    return replace(done, terms=said.terms.get(offer.offer_id))


def _verdict(offer: Offer, value: float, said: Arbitration) -> tuple[str, str]:
    """Return why the offer is shown or not, for programs and for people."""
    if any(each.offer_id == offer.offer_id for each in said.shown):
        return "made", "among the items"
    score = value * offer.weight
    if score <= 0:
        return "worth_nothing", "not more than doing nothing"
    rivals = [each for each in said.shown if each.score >= score]
    if offer.product_id is not None and offer.product_id in {each.product_id for each in rivals}:
        return "same_product", "the same product is worth more as it is shown"
    if not rivals:
        return "explored", "another was tried, or nothing, to learn what it is worth"
    best = max(said.shown, key=lambda each: each.score)
    return "worth_less", f"{best.logged_id} is worth {best.value:.2f} {said.currency}"
