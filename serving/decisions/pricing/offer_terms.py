"""All terms of one action's value, from the priced candidates."""

from __future__ import annotations

from typing import Any, Final

from serving.decisions.candidates import NOTHING, Candidates
from serving.decisions.pricing.arbitration import Priced
from serving.decisions.terms import Terms


def terms_of(candidates: Candidates, place: int) -> Terms:
    """Return the terms of an action by its place."""
    at, priced = place - candidates.first_offer, candidates.priced
    if priced is None or at < 0:
        return _of_product(candidates, place)
    lower, upper = priced.bounds
    by_next_product = priced.by_next_product is not None and bool(priced.by_next_product[at])
    p_accept = float(priced.p_accept[at])
    return Terms(
        p_buys=float(priced.p_buys[at]) if priced.by_next_product is not None else priced.p_buys,
        p_product_given_buys=float(priced.any_of_them[at]),
        p_accept=p_accept,
        acceptance_basis="next_product" if by_next_product else "orders",
        margin=float(priced.margin[at]),
        discount=p_accept * float(priced.price_cut[at]),
        acceptance_cost=p_accept * float(priced.acceptance_cost[at]),
        contact_cost=float(priced.contact_cost[at]),
        **_retention(candidates, priced, at),
        **_breadth(priced, at, p_accept),
        offer_value=float(priced.value[at]),
        offer_value_lower=float(lower[at]),
        offer_value_upper=float(upper[at]),
        currency=candidates.inputs.catalogue.manifest.currency,
    )


def _retention(candidates: Candidates, priced: Priced, at: int) -> dict[str, Any]:
    """Return what a contact changes; nothing where none is made or its effect is not known."""
    retention, stakes = priced.retention, candidates.stakes
    known = None if retention is None else [float(each[at]) for each in retention]
    if known is None or stakes.uplift is None or known[0] != known[0]:
        return _NO_RETENTION
    value, lower, upper = known
    return {
        "uplift": float(stakes.uplift.value),
        "remaining_value": float(stakes.remaining_value),
        "retention": value,
        "retention_lower": lower,
        "retention_upper": upper,
        "evidence": candidates.inputs.plan.evidence,
    }


def _breadth(priced: Priced, at: int, p_accept: float) -> dict[str, Any]:
    """Return what holding more changes; nothing where it is not proven to change anything."""
    breadth = priced.breadth
    if breadth is None or not breadth.effect.value[at]:
        return _NO_BREADTH
    gain = priced.gain
    return {
        "breadth_effect": float(breadth.effect.value[at]),
        "breadth_remaining_value": float(breadth.remaining_value),
        "breadth": p_accept * float(gain.value[at]),
        "breadth_lower": p_accept * float(gain.lower[at]),
        "breadth_upper": p_accept * float(gain.upper[at]),
        "breadth_evidence": breadth.evidence,
    }


def _of_product(candidates: Candidates, place: int) -> Terms:
    """Return the terms of a product shown at its full price, or of doing nothing."""
    chance, margin = 0.0, 0.0
    if place != NOTHING:
        chance = float(candidates.next_order.probability[place - 1])
        margin = float(candidates.inputs.plan.margin[candidates.product[place]])
    p_buys = candidates.next_order.p_buys
    value = p_buys * chance * margin
    spread = candidates.inputs.plan.p_buys_error * chance * abs(margin)
    return Terms(
        p_buys=p_buys,
        p_product_given_buys=chance,
        p_accept=p_buys * chance,
        acceptance_basis="orders",
        margin=margin,
        discount=0.0,
        acceptance_cost=0.0,
        contact_cost=0.0,
        **_NO_RETENTION,
        **_NO_BREADTH,
        offer_value=value,
        offer_value_lower=value - spread,
        offer_value_upper=value + spread,
        currency=candidates.inputs.catalogue.manifest.currency,
    )


_NO_RETENTION: Final[dict[str, Any]] = {
    "uplift": None,
    "remaining_value": None,
    "retention": 0.0,
    "retention_lower": None,
    "retention_upper": None,
    "evidence": "risk_only",
}
_NO_BREADTH: Final[dict[str, Any]] = {
    "breadth_effect": None,
    "breadth_remaining_value": None,
    "breadth": 0.0,
    "breadth_lower": None,
    "breadth_upper": None,
    "breadth_evidence": None,
}
