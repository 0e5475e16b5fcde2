"""Recommendations: what to show this shopper, or to go with this cart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from features.vocabulary import Columns as C
from models.recommend.live import distinct, gathered, scaled, totals
from serving.answers import Item, Shortfall
from serving.catalogue import Catalogue
from serving.products.cross_sell import completing, held_together, substitutes_of
from serving.products.eligibility import Rules, explain_shortfall
from serving.products.history import Bought, purchase_history
from serving.products.ranking import Pick, Scored, pick
from serving.products.reasons import ReasonFacts, explain, explaining_purchases
from serving.products.shoppers import Shopper, day_of
from serving.products.visit import Visit, visit_of

_HABIT_HALF_LIFE_DAYS: Final = 90.0


class Ask(NamedTuple):
    """What a storefront asks for; items are product ids, prices are money per unit.

    ``diversity`` is 0 to 1; ``newcomer_segment`` is the segment that the request names for a
    customer without history.
    """

    n: int
    customer_id: str | None = None
    items: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    category: str | None = None
    min_price: float | None = None
    max_price: float | None = None
    include_bought: bool = True
    diversity: float = 0.0
    explain: bool = True
    newcomer_segment: str | None = None


class Outcome(NamedTuple):
    """The products chosen; ``candidates`` counts those that were scored."""

    items: list[Item]
    fallback: str | None
    shortfall: Shortfall | None
    unknown_items: list[str]
    candidates: int


def recommend(catalogue: Catalogue, shopper: Shopper, ask: Ask, now: datetime) -> Outcome:
    """Recommend from the customer's candidates, blended with what this visit points to.

    Fallbacks: ``new_customer`` (the id is not in the bundle), ``anonymous`` (neither a customer
    nor anything fresh), ``no_candidates`` (nothing personal is left to show).
    """
    customer = None if ask.customer_id is None else catalogue.customers.position(ask.customer_id)
    items, unknown = _positions(catalogue, ask.items)
    history = purchase_history(catalogue, customer, shopper)
    visit = visit_of(catalogue, customer, shopper, items, history, now)
    personal = None if customer is None else _candidates(catalogue, customer)
    scored = _blend(personal, visit)
    fallback = None
    if ask.customer_id is not None and customer is None:
        fallback = "new_customer"
    elif customer is None and scored is None:
        fallback = "anonymous"
    if scored is None:
        scored = _newcomer_candidates(catalogue, ask)
    if shopper.purchases:
        scored = _lower_until_due(catalogue, shopper, history, scored, day_of(now))
    in_cart = frozenset[int]() if visit is None else visit.in_cart
    rules = rules_of(catalogue, shopper, ask, history, in_cart.union(items))
    picks = pick(catalogue, scored, rules, ask.n, ask.diversity)
    if fallback is None and not any(p.source == scored.source for p in picks):
        fallback = "no_candidates" if scored.source == "personal" else "no_neighbours"
    facts = _reason_facts(catalogue, customer, history, visit, picks) if ask.explain else None
    return _outcome(catalogue, ask, picks, facts, fallback, unknown, len(scored.products))


def complete_cart(catalogue: Catalogue, shopper: Shopper, ask: Ask) -> Outcome:
    """Return what completes a cart, blended with the customer's habits where they are known.

    Fallbacks: ``unknown_items`` (none of the items is a product), ``no_neighbours`` (nothing that
    goes with them is left to show).
    """
    customer = None if ask.customer_id is None else catalogue.customers.position(ask.customer_id)
    items, unknown = _positions(catalogue, ask.items)
    substitutes = substitutes_of(catalogue, items)
    together = completing(catalogue, items, substitutes)
    history = purchase_history(catalogue, customer, shopper)
    scored = _with_habits(catalogue, together, history, [*items, *substitutes.tolist()])
    rules = rules_of(catalogue, shopper, ask, history, frozenset(items))
    picks = pick(catalogue, scored, rules, ask.n, ask.diversity)
    fallback = None if items else "unknown_items"
    if fallback is None and not any((together.products == p.product).any() for p in picks):
        fallback = "no_neighbours"
    facts = None
    if ask.explain:
        shown = [p.product for p in picks]
        facts = ReasonFacts(history, {}, held_together(catalogue, items, shown))
    return _outcome(catalogue, ask, picks, facts, fallback, unknown, len(scored.products))


def rules_of(
    catalogue: Catalogue,
    shopper: Shopper,
    ask: Ask,
    history: Mapping[int, Bought],
    at_hand: frozenset[int],
) -> Rules:
    """Return what the request and the shopper rule out, and ``at_hand``: what is in the cart."""
    excluded = catalogue.products.positions(ask.exclude) | at_hand
    if not ask.include_bought:
        excluded |= history.keys()
    return Rules(
        excluded=frozenset(excluded),
        dismissed=frozenset(catalogue.products.positions(shopper.dismissed_products)),
        category=ask.category,
        min_price=ask.min_price,
        max_price=ask.max_price,
    )


def _reason_facts(
    catalogue: Catalogue,
    customer: int | None,
    history: Mapping[int, Bought],
    visit: Visit | None,
    picks: Sequence[Pick],
) -> ReasonFacts:
    """Gather what the reasons for the products shown are made from."""
    products = [p.product for p in picks]
    because = explaining_purchases(catalogue, customer, products)
    if visit is None:
        return ReasonFacts(history, because)
    return ReasonFacts(
        history,
        because,
        held_together(catalogue, visit.put_into_cart, products),
        visit.strongest_signals(products),
        visit,
    )


def _outcome(
    catalogue: Catalogue,
    ask: Ask,
    picks: Sequence[Pick],
    facts: ReasonFacts | None,
    fallback: str | None,
    unknown: list[str],
    candidates: int,
) -> Outcome:
    items = [
        Item(
            product_id=catalogue.product_ids[p.product],
            rank=rank,
            score=p.score,
            source=p.source,
            reasons=[] if facts is None else explain(catalogue, p, facts),
        )
        for rank, p in enumerate(picks, start=1)
    ]
    shortfall = explain_shortfall(catalogue, ask.n, len(items))
    return Outcome(items, fallback, shortfall, unknown, candidates)


def _positions(catalogue: Catalogue, ids: Sequence[str]) -> tuple[list[int], list[str]]:
    """Split ids into the positions of known products, each once, and unknown ids."""
    found = {id_: catalogue.products.position(id_) for id_ in ids}
    known = [place for place in found.values() if place is not None]
    return known, [id_ for id_, place in found.items() if place is None]


def _candidates(catalogue: Catalogue, customer: int) -> Scored:
    matrix = catalogue.bundle.candidates
    span = matrix.span(customer)
    return Scored(matrix.indices[span], matrix.values[C.SCORE][span], "personal")


def _blend(personal: Scored | None, visit: Visit | None) -> Scored | None:
    """Add up both, each scaled so that its best score is its weight; one alone stays as it is."""
    if visit is None or not len(fresh := visit.products):
        return personal
    if personal is None or not len(personal.products):
        named = distinct(fresh)
        return Scored(named, visit.scores(named), "together")
    named = distinct(np.concatenate([personal.products, fresh]))
    past = totals(named, personal.products, scaled(personal.scores, 1 - visit.weight))
    return Scored(named, past + scaled(visit.scores(named), visit.weight), "personal")


def _newcomer_candidates(catalogue: Catalogue, ask: Ask) -> Scored:
    """Return what new customers of the request's segment buy first."""
    matrix = catalogue.bundle.newcomers
    row = catalogue.newcomer_rows.get(ask.newcomer_segment or "", matrix.rows - 1)
    span = matrix.span(row)
    return Scored(matrix.indices[span], matrix.values[C.SCORE][span], "newcomers")


def _lower_until_due(
    catalogue: Catalogue,
    shopper: Shopper,
    history: Mapping[int, Bought],
    scored: Scored,
    today: int,
) -> Scored:
    """Lower the scores of products just bought until they are due again.

    The factor is days since over the usual gap, at most 1. Where the customer's own gap is not
    known it is the one of the product's repeat buyers, and the factor is multiplied by the share
    of buyers who repeat; a product that nobody buys twice falls to 0.
    """
    factors = np.ones(len(scored.products))
    for product_id in shopper.purchases:
        product = catalogue.products.position(product_id)
        if product is not None:
            due = _due(catalogue, product, history[product], today)
            factors[scored.products == product] = due
    return Scored(scored.products, scored.scores * factors, scored.source)


def _due(catalogue: Catalogue, product: int, bought: Bought, today: int) -> float:
    days = max(today - bought.last_day, 0)
    if bought.usual_gap_days > 0:
        return min(1.0, days / bought.usual_gap_days)
    gap, repeats = catalogue.usual_gap_days[product], catalogue.repeat_share[product]
    return float(repeats * min(1.0, days / gap)) if gap > 0 else 0.0


def _with_habits(
    catalogue: Catalogue,
    together: Scored,
    history: Mapping[int, Bought],
    left_out: Sequence[int],
) -> Scored:
    """Blend the customer's habits with what goes with the cart, at the weight that was learned.

    Left out of the habits are products in the cart, and what replaces one of them.
    """
    weight = catalogue.manifest.cart_habit
    if not history or weight <= 0:
        return together
    products = np.fromiter(history, dtype=np.int32, count=len(history))
    kept = ~np.isin(products, left_out)
    own = Scored(products[kept], _habits(history)[kept], "together")
    scores = np.concatenate([scaled(together.scores, 1 - weight), scaled(own.scores, weight)])
    return Scored(*gathered(np.concatenate([together.products, own.products]), scores), "together")


def _habits(history: Mapping[int, Bought]) -> NDArray[np.float64]:
    """Return the times bought, halved for every 90 days that the last one is behind the latest."""
    times = np.array([each.times for each in history.values()], dtype=np.float64)
    days = np.array([each.last_day for each in history.values()], dtype=np.float64)
    return np.asarray(times * np.exp2((days - days.max()) / _HABIT_HALF_LIFE_DAYS))
