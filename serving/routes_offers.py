"""Calls of storefronts and CRM for offers, and the events that answer them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from serving.access import answered, as_json, requires
from serving.answers import Answered, Definition, EventsReceipt, NextBestOffer
from serving.next_best_offer import OfferAsk, next_best_offer
from serving.problems import FieldError, Problem, documented
from serving.requests import EventBatch, NextBestOfferRequest, PathId
from serving.server import VARIANT, Server


def offer_routes(server: Server) -> APIRouter:
    """Return the routes of offers and events, for keys of scope ``storefront``."""
    router = APIRouter(
        prefix="/v1",
        tags=["storefront"],
        dependencies=[Depends(requires(server.keys, "storefront"))],
        responses=documented(401, 403, 422, 500),
    )

    @router.post("/next-best-offer", response_model=NextBestOffer, responses=documented(413))
    async def post_next_best_offer(request: Request, body: NextBestOfferRequest) -> Response:
        """Return the offers worth most in money, or doing nothing where none is worth more."""
        ask = OfferAsk(body.customer_id, body.n, body.placements, body.exclude)
        context = {**body.context, "placements": body.placements}
        return _offered(server, request, ask, body.session_id, context)

    @router.get("/customers/{customer_id}/next-best-offer", response_model=NextBestOffer)
    async def get_next_best_offer(
        request: Request,
        customer_id: PathId,
        n: Annotated[int, Query(ge=1, le=20, description="How many items.")] = 1,
    ) -> Response:
        """Return the offers worth most in money, or doing nothing where none is worth more."""
        return _offered(server, request, OfferAsk(customer_id, n), None, {})

    @router.post("/events", response_model=EventsReceipt, responses=documented(413, 503))
    async def post_events(body: EventBatch) -> Response:
        """Store events; those that are not rejected are durable when the answer comes."""
        return as_json(await take_events(server, body))

    return router


async def take_events(server: Server, body: EventBatch) -> EventsReceipt:
    """Store a batch, or refuse it where none of it is an event."""
    receipt = await server.accept_events(body.events)
    if len(receipt.rejected) == len(body.events):
        errors = [FieldError(f"body.events.{r.index}", r.detail) for r in receipt.rejected]
        raise Problem(422, errors=errors)
    return receipt


def _offered(
    server: Server,
    request: Request,
    ask: OfferAsk,
    session_id: str | None,
    context: Mapping[str, Any],
) -> Response:
    view = server.view
    shopper = view.shoppers.find(ask.customer_id, session_id)
    outcome = next_best_offer(view.catalogue, shopper, ask, server.clock().date())
    manifest = view.catalogue.manifest
    answer = NextBestOffer(
        decision_id=server.new_id(),
        model_version=manifest.version,
        as_of=manifest.as_of,
        variant=VARIANT,
        fallback=outcome.fallback,
        customer_id=ask.customer_id,
        items=outcome.items,
        shortfall=outcome.shortfall,
        considered=outcome.considered,
        definition=Definition.of(manifest),
    )
    written = server.log_decision(
        "next_best_offer", answer, outcome.considered, session_id, context
    )
    return answered(request, Answered(written, outcome.fallback))
