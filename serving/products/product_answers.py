"""Answers about products, from a checked request to the logged decision.

Both the documented and the thin routes call these functions.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Final

import orjson

from serving.answers import Answered
from serving.decisions.policies.exploration import CHAMPION
from serving.http.requests import (
    CrossSellQuery,
    CrossSellRequest,
    RecommendationQuery,
    RecommendationRequest,
    Scenario,
)
from serving.products.ready_products import ReadyProducts, ready_products
from serving.products.recommend import Ask, complete_cart, recommend
from serving.products.shoppers import Shopper
from serving.server import Server
from serving.storage.store import Decision
from serving.view import View

_RECOMMENDED: Final = "recommendations"
_COMPLETED: Final = "cross_sell"


def for_customer(server: Server, customer_id: str, query: RecommendationQuery) -> Answered:
    """Recommend products to a customer."""
    view = server.view
    ask = _page(query, customer_id)
    shopper = view.shoppers.find(customer_id)
    ready = _ready(view, _RECOMMENDED, ask, shopper, server.clock())
    return _answer(server, view, _RECOMMENDED, ask, ready, context=_context_of(query.scenario))


def for_shopper(
    server: Server, view: View, body: RecommendationRequest, customer_id: str | None
) -> Answered:
    """Recommend products to a customer, to a visit, or to both."""
    ask = _ask(view, body, customer_id, body.session_items)
    shopper = view.shoppers.find(customer_id, body.session_id)
    ready = _ready(view, _RECOMMENDED, ask, shopper, server.clock())
    context = orjson.dumps({**body.context, "scenario": body.scenario}).decode()
    return _answer(server, view, _RECOMMENDED, ask, ready, body.session_id, context)


def for_cart(server: Server, body: CrossSellRequest) -> Answered:
    """Complete a cart."""
    view = server.view
    ask = _ask(view, body, body.customer_id, body.items)
    shopper = view.shoppers.find(body.customer_id, body.session_id)
    ready = _ready(view, _COMPLETED, ask, shopper, server.clock())
    context = orjson.dumps(body.context).decode()
    return _answer(server, view, _COMPLETED, ask, ready, body.session_id, context)


def for_product(server: Server, product_id: str, query: CrossSellQuery) -> Answered:
    """Show what is bought together with a product."""
    view = server.view
    ask = _page(query, query.customer_id, (product_id,))
    shopper = view.shoppers.find(query.customer_id)
    ready = _ready(view, _COMPLETED, ask, shopper, server.clock())
    return _answer(server, view, _COMPLETED, ask, ready)


@cache
def _context_of(scenario: Scenario) -> str:
    return orjson.dumps({"scenario": scenario}).decode()


def _page(
    query: RecommendationQuery | CrossSellQuery,
    customer_id: str | None,
    items: tuple[str, ...] = (),
) -> Ask:
    return Ask(
        n=query.n,
        customer_id=customer_id,
        items=items,
        exclude=query.exclude,
        include_bought=query.include_bought,
        diversity=query.diversity,
        explain=query.explain,
        category=query.category,
    )


def _ask(
    view: View,
    body: RecommendationRequest | CrossSellRequest,
    customer_id: str | None,
    items: tuple[str, ...],
) -> Ask:
    attribute = view.catalogue.manifest.newcomer_attribute
    return Ask(
        n=body.n,
        customer_id=customer_id,
        items=items,
        exclude=body.exclude,
        include_bought=body.include_bought,
        diversity=body.diversity,
        explain=body.explain,
        category=body.filter.category,
        min_price=body.filter.min_price,
        max_price=body.filter.max_price,
        newcomer_segment=str(body.context[attribute]) if attribute in body.context else None,
    )


def _ready(view: View, kind: str, ask: Ask, shopper: Shopper, now: datetime) -> ReadyProducts:
    """Return an answer, from the cache where the shopper did nothing since the bundle was made."""
    asked = kind, ask
    kept = view.products.get(asked) if shopper.is_blank else None
    if kept is not None:
        return kept.unpacked()
    if kind == _RECOMMENDED:
        outcome = recommend(view.catalogue, shopper, ask, now)
    else:
        outcome = complete_cart(view.catalogue, shopper, ask)
    ready = ready_products(view.catalogue, ask, outcome)
    if shopper.is_blank:
        packed = ready.packed()
        size_bytes = len(packed.packed) + sum(map(len, ask.items + ask.exclude))
        view.products.put(asked, packed, size_bytes)
    return ready


def _answer(
    server: Server,
    view: View,
    kind: str,
    ask: Ask,
    ready: ReadyProducts,
    session_id: str | None = None,
    context: str = "{}",
) -> Answered:
    recommendation_id = server.new_id()
    written = ready.under(recommendation_id)
    server.decisions.add(
        Decision(
            id=recommendation_id,
            ts=server.clock(),
            kind=kind,
            customer_id=ask.customer_id,
            session_id=session_id,
            model_version=view.catalogue.manifest.version,
            variant=CHAMPION,
            fallback=ready.fallback,
            answer=written.decode(),
            # Nothing is left to chance here.
            propensity=1.0,
            candidates=ready.candidates,
            context=context,
        )
    )
    return Answered(written, ready.fallback)
