"""Recommendations: what to show this shopper, or to go with this cart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.vocabulary import Columns as C
from serving.answers import Item, Shortfall
from serving.catalogue import Catalogue
from serving.cross_sell import Neighbours, neighbours_of
from serving.eligibility import Rules, explain_shortfall
from serving.history import Bought, purchase_history
from serving.ranking import Scored, combine, pick
from serving.reasons import explain
from serving.shoppers import Shopper

# What is in the visit now says about as much as the whole past: equal say until measured.
SESSION_WEIGHT = 0.5


@dataclass(frozen=True)
class Ask:
    """What a storefront asks for; items are product ids, prices are money per unit."""

    n: int
    customer_id: str | None = None
    items: Sequence[str] = ()
    exclude: Sequence[str] = ()
    category: str | None = None
    min_price: float | None = None
    max_price: float | None = None
    include_bought: bool = True
    explain: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it; ``candidates`` counts the products scored for it."""

    items: list[Item]
    fallback: str | None
    shortfall: Shortfall | None
    unknown_items: list[str]
    candidates: int


def recommend(catalogue: Catalogue, shopper: Shopper, ask: Ask) -> Outcome:
    """Recommend from the customer's candidates, blended with what goes with the visit's items.

    Fallbacks: ``new_customer`` (the id is not in the bundle), ``anonymous`` (neither a customer
    nor an item that has neighbours), ``no_candidates`` (nothing personal is left to show).
    """
    customer = None if ask.customer_id is None else catalogue.customers.position(ask.customer_id)
    items, unknown = _positions(catalogue, ask.items)
    neighbours = neighbours_of(catalogue, items) if items else None
    personal = None if customer is None else _candidates(catalogue, customer)
    scored = _blend(personal, None if neighbours is None else neighbours.scored())
    fallback = None
    if ask.customer_id is not None and customer is None:
        fallback = "new_customer"
    elif customer is None and not len(scored.products):
        fallback = "anonymous"
    history = purchase_history(catalogue, customer, shopper)
    return _outcome(
        catalogue,
        ask,
        scored,
        rules=rules_of(catalogue, shopper, ask, history),
        history=history,
        neighbours=neighbours,
        candidates=frozenset() if personal is None else frozenset(personal.products.tolist()),
        fallback=fallback,
        unknown=unknown,
    )


def complete_cart(catalogue: Catalogue, shopper: Shopper, ask: Ask) -> Outcome:
    """Return what is bought together with the items of a cart.

    Fallbacks: ``unknown_items`` (none of the items is a product), ``no_neighbours`` (nothing that
    goes with them is left to show).
    """
    customer = None if ask.customer_id is None else catalogue.customers.position(ask.customer_id)
    items, unknown = _positions(catalogue, ask.items)
    neighbours = neighbours_of(catalogue, items)
    history = purchase_history(catalogue, customer, shopper)
    return _outcome(
        catalogue,
        ask,
        neighbours.scored(),
        rules=rules_of(catalogue, shopper, ask, history),
        history=history,
        neighbours=neighbours,
        candidates=frozenset(),
        fallback=None if items else "unknown_items",
        unknown=unknown,
    )


def rules_of(catalogue: Catalogue, shopper: Shopper, ask: Ask, history: dict[int, Bought]) -> Rules:
    """Return what the request and its shopper rule out."""
    excluded = catalogue.products.positions((*ask.exclude, *ask.items))
    if not ask.include_bought:
        excluded |= history.keys()
    return Rules(
        excluded=frozenset(excluded),
        dismissed=frozenset(catalogue.products.positions(shopper.dismissed_products)),
        category=ask.category,
        min_price=ask.min_price,
        max_price=ask.max_price,
    )


def _outcome(
    catalogue: Catalogue,
    ask: Ask,
    scored: Scored,
    *,
    rules: Rules,
    history: dict[int, Bought],
    neighbours: Neighbours | None,
    candidates: frozenset[int],
    fallback: str | None,
    unknown: list[str],
) -> Outcome:
    picks = pick(catalogue, scored, rules, ask.n)
    if fallback is None and not any(p.source == scored.source for p in picks):
        fallback = "no_candidates" if scored.source == "personal" else "no_neighbours"
    items = [
        Item(
            product_id=catalogue.product_ids[p.product],
            rank=rank,
            score=p.score,
            source=p.source,
            reasons=explain(catalogue, p, history, neighbours, candidates) if ask.explain else [],
        )
        for rank, p in enumerate(picks, start=1)
    ]
    shortfall = explain_shortfall(catalogue, ask.n, len(items))
    return Outcome(items, fallback, shortfall, unknown, len(scored.products))


def _positions(catalogue: Catalogue, ids: Sequence[str]) -> tuple[list[int], list[str]]:
    """Split ids into the positions of known products, each once, and unknown ids."""
    found = {id_: catalogue.products.position(id_) for id_ in ids}
    known = [place for place in found.values() if place is not None]
    return known, [id_ for id_, place in found.items() if place is None]


def _candidates(catalogue: Catalogue, customer: int) -> Scored:
    matrix = catalogue.bundle.candidates
    span = matrix.span(customer)
    return Scored(matrix.indices[span], matrix.values[C.SCORE][span], "personal")


def _blend(personal: Scored | None, together: Scored | None) -> Scored:
    """Add up both sources, each scaled to a best score of 1; one alone stays as it is."""
    if personal is None:
        return together or Scored(np.empty(0, np.int32), np.empty(0, np.float32), "together")
    if together is None or not len(together.products):
        return personal
    scores = [
        (1 - SESSION_WEIGHT) * _scaled(personal.scores),
        SESSION_WEIGHT * _scaled(together.scores),
    ]
    products = np.concatenate([personal.products, together.products])
    return Scored(*combine(products, np.concatenate(scores)), "personal")


def _scaled(scores: NDArray[np.floating]) -> NDArray[np.floating]:
    best = scores.max(initial=0)
    return scores / best if best > 0 else scores
