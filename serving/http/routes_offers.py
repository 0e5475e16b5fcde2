"""Calls of storefronts and CRM for offers, and the events that answer them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from serving.answers import Answered, Definition, EventsReceipt, NextBestOffer
from serving.decisions.contact_policy import NEVER, Contacted, reach_back
from serving.decisions.desk import Desk
from serving.decisions.logged_choices import write_choices
from serving.decisions.next_best_offer import Decider, OfferAsk, OfferOutcome, next_best_offer
from serving.http.access import answered, as_json, requires
from serving.http.problems import FieldError, Problem, documented
from serving.http.requests import CustomerPath, EventBatch, NextBestOfferQuery, NextBestOfferRequest
from serving.products.shoppers import Shopper
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
        ask = OfferAsk(
            customer_id=body.customer_id,
            n=body.n,
            placements=body.placements,
            exclude=body.exclude,
            channel=body.channel,
            context=body.context,
            trace=body.trace,
            why_not=body.why_not,
        )
        context = {**body.context, "placements": body.placements, "channel": body.channel}
        return answered(request, await _offered(server, ask, body.session_id, context))

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


async def offer_to_customer(
    server: Server, customer_id: str, query: NextBestOfferQuery
) -> Answered:
    """Decide for a customer; the documented route and its thin twin both end here."""
    ask = OfferAsk(customer_id, query.n, trace=query.trace, why_not=query.why_not)
    return await _offered(server, ask, None, {})


async def _offered(
    server: Server, ask: OfferAsk, session_id: str | None, context: Mapping[str, Any]
) -> Answered:
    view, now = server.view, server.clock()
    shopper = view.shoppers.find(ask.customer_id, session_id)
    policy = server.experiments.policy_of(ask.customer_id, now.date())
    past = await _past(server, view.desk, ask, now)
    decider = Decider(server.new_id(), now, policy, past)
    outcome = await _reserved(server, view.desk, shopper, ask, decider)
    manifest = view.catalogue.manifest
    answer = NextBestOffer(
        decision_id=decider.unit,
        model_version=manifest.version,
        as_of=manifest.as_of,
        variant=outcome.chosen.variant,
        fallback=outcome.fallback,
        customer_id=ask.customer_id,
        items=outcome.items,
        shortfall=outcome.shortfall,
        considered=outcome.considered,
        definition=Definition.of(manifest),
        trace=outcome.trace,
    )
    written = server.log_decision(
        "next_best_offer",
        answer,
        outcome.considered,
        session_id,
        context,
        outcome.chosen.propensity,
        write_choices(outcome.chosen, outcome.allowed),
    )
    return Answered(written, outcome.fallback)


async def _past(server: Server, desk: Desk, ask: OfferAsk, now: datetime) -> Contacted | None:
    """Return what the customer was sent, where that may stop an offer."""
    if ask.customer_id is None or ask.channel not in desk.counted_channels:
        return NEVER
    since = now - reach_back(desk.book)
    history = await asyncio.to_thread(server.store.contacts.history, [ask.customer_id], since)
    return history.get(ask.customer_id, NEVER)


async def _reserved(
    server: Server, desk: Desk, shopper: Shopper, ask: OfferAsk, decider: Decider
) -> OfferOutcome:
    """Decide, and write down the contacts that this means before anyone hears of them.

    Where others were quicker and a cap is reached, it is decided again without that offer.
    """
    log = server.store.contacts
    while True:
        outcome = next_best_offer(desk, shopper, ask, decider)
        proposed = outcome.contacts(desk, ask, decider)
        if not proposed:
            return outcome
        stops = await asyncio.to_thread(log.reserve, proposed, desk.book)
        refused = {
            contact.offer_id: stop for contact, stop in zip(proposed, stops, strict=True) if stop
        }
        if not refused:
            return outcome
        await asyncio.to_thread(log.release, [contact.contact_id for contact in proposed])
        decider = replace(decider, refused={**decider.refused, **refused})
