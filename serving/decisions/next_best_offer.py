"""The next best offer: every allowed action priced in money, the best of them, or nothing.

DEFINITIONS, Decisions. Offers pass the gates (:mod:`serving.decisions.gates`), are priced
beside products and doing nothing (:mod:`serving.decisions.pricing.arbitration`), and are chosen by
the policy that decides for the customer (:mod:`serving.decisions.policies.exploration`). Scores
made since the bundle are used where there are any; decisions in bulk use the bundle's alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.offers.syntax import Value
from serving.catalogue import Catalogue
from serving.customers.rescored import Rescored
from serving.decisions.candidates import NOTHING, Candidates
from serving.decisions.gates.contact_policy import ContactHistory
from serving.decisions.gates.gate_one import gate_one
from serving.decisions.gates.moment import Context
from serving.decisions.gates.stops import Stop
from serving.decisions.inputs import DecisionInputs
from serving.decisions.next_order import next_order_of
from serving.decisions.offer_items import items_of, shortfall_of
from serving.decisions.offer_outcome import Decider, OfferAsk, OfferOutcome
from serving.decisions.policies.exploration import Allowed, choose
from serving.decisions.traces.arbitration_trace import Gates
from serving.products.eligibility import Rules
from serving.products.shoppers import Shopper

_NO_RULES: Final = Rules()
_PASSED: Final = int(Stop.PASSED)  # numpy compares with an int faster than with an enum member


def next_best_offer(
    inputs: DecisionInputs, shopper: Shopper, ask: OfferAsk, decider: Decider
) -> OfferOutcome:
    """Price every allowed action for the customer and return those worth more than nothing.

    Fallbacks: ``new_customer`` (base rates: the average customer and the popular products),
    ``no_candidates`` (popular products), ``no_churn_score`` (P(buys) is the share of lapsed
    customers who come back), ``no_churn_model`` (nothing can be priced).
    """
    catalogue, rescored = inputs.catalogue, decider.rescored
    customer = None if ask.customer_id is None else catalogue.customers.position(ask.customer_id)
    scores = None if rescored is None else rescored.by_column
    row = _known_values(inputs, customer, rescored, scores)
    gated = _gate_by_placement(inputs, row, shopper, ask, decider)
    rules = _rules(catalogue, shopper, ask)
    next_order = next_order_of(catalogue, inputs.plan, customer, rules, scores)
    declared = inputs.book.channels.get(ask.channel)
    candidates = Candidates.of(
        inputs, customer, shopper, next_order, np.asarray(gated.passed.any(axis=0)), rules,
        is_contact=declared is not None and declared.outbound,
        scores=scores,
    )  # fmt: skip
    places = candidates.ranked()
    allowed = _allowed(candidates, places, explores=decider.policy.exploration.explores)
    fits = _fits(candidates, places, gated.passed) if ask.placements else None
    chosen = choose(decider.policy, allowed, decider.unit, ask.placements, ask.n, fits)
    shown = [
        (slot.placement, int(places[place]))
        for slot in chosen.slots
        for place in slot.shown
        if place != allowed.nothing
    ]
    nothing = [(ask.placements[0] if ask.placements else None, NOTHING)]
    wanted, considered = ask.n * max(1, len(ask.placements)), len(candidates.value)
    return OfferOutcome(
        items=list(items_of(candidates, customer, shopper, shown or nothing)),
        fallback=next_order.fallback,
        shortfall=shortfall_of(wanted, len(shown), considered),
        considered=considered,
        allowed=allowed,
        chosen=chosen,
        gates=Gates(gated.in_any_placement(), row, gated.contexts[0], decider.now),
        candidates=candidates,
        shown=[place for _, place in shown],
    )


class _GatedByPlacement(NamedTuple):
    """The gates' verdict on every offer for each placement, or once where there are none.

    Attributes
    ----------
    stops
        By placement, then by offer.
    passed
        Shape (placements, offers).
    """

    contexts: Sequence[Context]
    stops: Sequence[Sequence[Stop]]
    passed: NDArray[np.bool_]

    def in_any_placement(self) -> Sequence[Stop]:
        """Return each offer's stop: none if it passed for any placement, else the first's."""
        if len(self.stops) == 1:
            return self.stops[0]
        best = self.passed.argmax(axis=0).tolist()
        return [self.stops[placement][offer] for offer, placement in enumerate(best)]


def _known_values(
    inputs: DecisionInputs,
    customer: int | None,
    rescored: Rescored | None,
    scores: dict[str, Any] | None,
) -> dict[str, Value | None]:
    """Return the customer's values that rules may read, the newest of each."""
    row = {} if customer is None else inputs.columns.row(customer)
    if rescored is not None and scores is not None:
        newer = rescored.vector_by(inputs.catalogue.bundle.vectors.column_names[1:]) | scores
        row |= {name: value for name, value in newer.items() if name in inputs.book.names}
    return row


def _gate_by_placement(
    inputs: DecisionInputs,
    row: Mapping[str, Value | None],
    shopper: Shopper,
    ask: OfferAsk,
    decider: Decider,
) -> _GatedByPlacement:
    contexts = [Context(ask.channel, place, ask.context) for place in ask.placements or (None,)]
    past = None if ask.customer_id is None else decider.past
    stops = [_stops(inputs, row, context, shopper, past, decider) for context in contexts]
    # Through bytes: numpy would inspect each number.
    codes = np.frombuffer(b"".join(map(bytes, stops)), dtype=np.int8)
    passed = (codes == _PASSED).reshape(len(contexts), len(inputs.book))
    return _GatedByPlacement(contexts, stops, passed)


def _allowed(candidates: Candidates, places: NDArray[np.intp], *, explores: bool) -> Allowed:
    """Return the ranked actions as policies compare them; deviations only where one explores."""
    return Allowed(
        ids=candidates.ids(places),
        values=candidates.score[places],
        acceptance=candidates.acceptance[places],
        deviations=candidates.deviation()[places] if explores else np.zeros(len(places)),
        nothing=int((places == NOTHING).argmax()),
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
