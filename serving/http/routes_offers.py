"""Calls of storefronts and CRM for offers, and the events that answer them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from serving.answers import EventsReceipt, NextBestOffer
from serving.decisions.offer_answers import offer_to_customer, offer_to_shopper
from serving.http.access import answered, as_json, requires
from serving.http.problems import FieldError, Problem, documented
from serving.http.requests import CustomerPath, EventBatch, NextBestOfferQuery, NextBestOfferRequest
from serving.server import Server


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
        return answered(request, await offer_to_shopper(server, body))

    @router.get("/customers/{customer_id}/next-best-offer", response_model=NextBestOffer)
    async def get_next_best_offer(
        request: Request,
        customer_id: CustomerPath,
        query: Annotated[NextBestOfferQuery, Query()],
    ) -> Response:
        """Return the offers worth most in money, or doing nothing where none is worth more."""
        return answered(request, await offer_to_customer(server, customer_id, query))

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
