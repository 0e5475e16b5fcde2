"""Calls of storefronts for products: recommendations and cross-sell."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict

from serving.access import as_json, requires
from serving.answers import RecommendationBatch, Recommendations
from serving.events import Id
from serving.problems import documented
from serving.recommend import Ask, Outcome, complete_cart, recommend
from serving.requests import (
    Count,
    CrossSellRequest,
    Items,
    PathId,
    RecommendationRequest,
    Scenario,
)
from serving.server import VARIANT, Server, View

# A long batch lets other requests in between.
_BATCH_STEP: Final = 16


class RecommendationQuery(BaseModel):
    """Parameters of recommendations; an unknown one is an error, not ignored."""

    model_config = ConfigDict(extra="forbid")

    n: Count = 10
    scenario: Scenario = "home"
    category: Id | None = None
    exclude: Items = []
    include_bought: bool = True
    explain: bool = True


class CrossSellQuery(BaseModel):
    """Parameters of a product page's cross-sell."""

    model_config = ConfigDict(extra="forbid")

    customer_id: Id | None = None
    n: Count = 10
    exclude: Items = []
    explain: bool = True


def product_routes(server: Server) -> APIRouter:
    """Return the routes that keys of scope ``storefront`` may call."""
    router = APIRouter(
        prefix="/v1",
        tags=["storefront"],
        dependencies=[Depends(requires(server.keys, "storefront"))],
        responses=documented(401, 403, 422, 500),
    )

    @router.get("/customers/{customer_id}/recommendations", response_model=Recommendations)
    async def get_recommendations(
        request: Request, customer_id: PathId, query: Annotated[RecommendationQuery, Query()]
    ) -> Response:
        """Recommend products to a customer; an unknown one is served as a new one."""
        view = server.view
        ask = Ask(customer_id=customer_id, **query.model_dump(exclude={"scenario"}))
        outcome = recommend(view.catalogue, view.shoppers.find(customer_id), ask)
        context = {"scenario": query.scenario}
        return _decided(request, _answer(server, view, "recommendations", ask, outcome, context))

    @router.post(
        "/recommendations",
        response_model=Recommendations | RecommendationBatch,
        responses=documented(413),
    )
    async def post_recommendations(request: Request, body: RecommendationRequest) -> Response:
        """Recommend to a customer, to an anonymous visit, or to a batch of customers."""
        view = server.view
        context = {**body.context, "scenario": body.scenario}
        results = []
        for place, customer_id in enumerate(body.customers or [body.customer_id]):
            if place % _BATCH_STEP == _BATCH_STEP - 1:
                await asyncio.sleep(0)
            ask = _ask(body, customer_id, body.session_items)
            shopper = view.shoppers.find(customer_id, body.session_id)
            outcome = recommend(view.catalogue, shopper, ask)
            results.append(
                _answer(server, view, "recommendations", ask, outcome, context, body.session_id)
            )
        if body.customers is None:
            return _decided(request, results[0])
        request.state.fallback = next((r.fallback for r in results if r.fallback), None)
        return as_json(RecommendationBatch(results))

    @router.post("/cross-sell", response_model=Recommendations, responses=documented(413))
    async def post_cross_sell(request: Request, body: CrossSellRequest) -> Response:
        """Complete a cart with what is bought together with its items."""
        view = server.view
        ask = _ask(body, body.customer_id, body.items)
        shopper = view.shoppers.find(body.customer_id, body.session_id)
        outcome = complete_cart(view.catalogue, shopper, ask)
        answer = _answer(server, view, "cross_sell", ask, outcome, body.context, body.session_id)
        return _decided(request, answer)

    @router.get("/products/{product_id}/cross-sell", response_model=Recommendations)
    async def get_cross_sell(
        request: Request, product_id: PathId, query: Annotated[CrossSellQuery, Query()]
    ) -> Response:
        """Show what is bought together with a product."""
        view = server.view
        ask = Ask(items=[product_id], **query.model_dump())
        outcome = complete_cart(view.catalogue, view.shoppers.find(query.customer_id), ask)
        return _decided(request, _answer(server, view, "cross_sell", ask, outcome))

    return router


def _ask(
    body: RecommendationRequest | CrossSellRequest, customer_id: str | None, items: list[str]
) -> Ask:
    return Ask(
        n=body.n,
        customer_id=customer_id,
        items=items,
        exclude=body.exclude,
        include_bought=body.include_bought,
        explain=body.explain,
        **body.filter.model_dump(),
    )


def _answer(
    server: Server,
    view: View,
    kind: str,
    ask: Ask,
    outcome: Outcome,
    context: Mapping[str, Any] | None = None,
    session_id: str | None = None,
) -> Recommendations:
    manifest = view.catalogue.manifest
    answer = Recommendations(
        recommendation_id=server.new_id(),
        model_version=manifest.version,
        as_of=manifest.as_of,
        variant=VARIANT,
        fallback=outcome.fallback,
        customer_id=ask.customer_id,
        items=outcome.items,
        shortfall=outcome.shortfall,
        unknown_items=outcome.unknown_items,
    )
    server.log_decision(kind, answer, outcome.candidates, session_id, context)
    return answer


def _decided(request: Request, answer: Recommendations) -> Response:
    request.state.fallback = answer.fallback
    return as_json(answer)
