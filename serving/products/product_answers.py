"""Answers about products, from a checked request to the logged decision.

The documented routes and their thin twins both end here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serving.answers import Answered, Recommendations
from serving.decisions.exploration import CHAMPION
from serving.http.requests import (
    CrossSellQuery,
    CrossSellRequest,
    RecommendationQuery,
    RecommendationRequest,
)
from serving.products.recommend import Ask, Outcome, complete_cart, recommend
from serving.server import Server, View


def for_customer(server: Server, customer_id: str, query: RecommendationQuery) -> Answered:
    """Recommend products to a customer."""
    view = server.view
    ask = Ask(
        n=query.n,
        customer_id=customer_id,
        exclude=query.exclude,
        category=query.category,
        include_bought=query.include_bought,
        diversity=query.diversity,
        explain=query.explain,
    )
    outcome = recommend(view.catalogue, view.shoppers.find(customer_id), ask, server.clock())
    return _answer(
        server, view, "recommendations", ask, outcome, context={"scenario": query.scenario}
    )


def for_shopper(
    server: Server, view: View, body: RecommendationRequest, customer_id: str | None
) -> Answered:
    """Recommend products to a customer, to a visit, or to both."""
    ask = _ask(body, customer_id, body.session_items)
    shopper = view.shoppers.find(customer_id, body.session_id)
    outcome = recommend(view.catalogue, shopper, ask, server.clock())
    context = {**body.context, "scenario": body.scenario}
    return _answer(server, view, "recommendations", ask, outcome, body.session_id, context)


def for_cart(server: Server, body: CrossSellRequest) -> Answered:
    """Complete a cart."""
    view = server.view
    ask = _ask(body, body.customer_id, body.items)
    shopper = view.shoppers.find(body.customer_id, body.session_id)
    outcome = complete_cart(view.catalogue, shopper, ask)
    return _answer(server, view, "cross_sell", ask, outcome, body.session_id, body.context)


def for_product(server: Server, product_id: str, query: CrossSellQuery) -> Answered:
    """Show what is bought together with a product."""
    view = server.view
    ask = Ask(
        n=query.n,
        customer_id=query.customer_id,
        items=[product_id],
        exclude=query.exclude,
        category=query.category,
        include_bought=query.include_bought,
        diversity=query.diversity,
        explain=query.explain,
    )
    outcome = complete_cart(view.catalogue, view.shoppers.find(query.customer_id), ask)
    return _answer(server, view, "cross_sell", ask, outcome)


def _ask(
    body: RecommendationRequest | CrossSellRequest, customer_id: str | None, items: list[str]
) -> Ask:
    return Ask(
        n=body.n,
        customer_id=customer_id,
        items=items,
        exclude=body.exclude,
        include_bought=body.include_bought,
        diversity=body.diversity,
        explain=body.explain,
        circumstances=body.context,
        category=body.filter.category,
        min_price=body.filter.min_price,
        max_price=body.filter.max_price,
    )


def _answer(
    server: Server,
    view: View,
    kind: str,
    ask: Ask,
    outcome: Outcome,
    session_id: str | None = None,
    context: Mapping[str, Any] | None = None,
) -> Answered:
    manifest = view.catalogue.manifest
    answer = Recommendations(
        recommendation_id=server.new_id(),
        model_version=manifest.version,
        as_of=manifest.as_of,
        variant=CHAMPION,
        fallback=outcome.fallback,
        customer_id=ask.customer_id,
        items=outcome.items,
        shortfall=outcome.shortfall,
        unknown_items=outcome.unknown_items,
    )
    written = server.log_decision(kind, answer, outcome.candidates, session_id, context)
    return Answered(written, outcome.fallback)
