"""Answers about offers, from a checked request to the logged decision.

Both the documented routes and the thin route call these functions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson

from serving.answers import Answered
from serving.decisions.gates.contact_policy import NO_CONTACTS, ContactHistory, reach_back
from serving.decisions.gates.moment import hour_of
from serving.decisions.inputs import DecisionInputs
from serving.decisions.next_best_offer import next_best_offer
from serving.decisions.offer_outcome import Decider, OfferAsk, OfferOutcome
from serving.decisions.policies.exploration import ChoicePolicy
from serving.decisions.ready_offer import ready_offer
from serving.http.requests import NextBestOfferQuery, NextBestOfferRequest
from serving.products.shoppers import Shopper
from serving.server import Server
from serving.storage.store import Decision


async def offer_to_customer(
    server: Server, customer_id: str, query: NextBestOfferQuery
) -> Answered:
    """Decide for a customer."""
    return await _offered(server, OfferAsk(customer_id, query.n), query, None, {})


async def offer_to_shopper(server: Server, body: NextBestOfferRequest) -> Answered:
    """Decide for the shopper, channel and placements that the request names."""
    ask = OfferAsk(
        customer_id=body.customer_id,
        n=body.n,
        placements=body.placements,
        exclude=body.exclude,
        channel=body.channel,
        context=body.context,
    )
    context = {**body.context, "placements": body.placements, "channel": body.channel}
    return await _offered(server, ask, body, body.session_id, context)


async def _offered(
    server: Server,
    ask: OfferAsk,
    request: NextBestOfferQuery | NextBestOfferRequest,
    session_id: str | None,
    context: Mapping[str, Any],
) -> Answered:
    view, now = server.view, server.clock()
    shopper = view.shoppers.find(ask.customer_id, session_id)
    policy = server.experiments.policy_of(ask.customer_id, now.date())
    decision_id = server.new_id()
    traced = request.trace or request.why_not is not None
    rescored = view.rescored.find(ask.customer_id)
    cache_key = None
    if not (traced or context or rescored):
        cache_key = _cache_key(view.decision_inputs, ask, shopper, policy, now)
    ready = None if cache_key is None else view.offers.get(cache_key)
    if ready is None:
        past = await _past(server, view.decision_inputs, ask, now)
        decider = Decider(decision_id, now, policy, past, rescored=rescored)
        outcome = await _reserved(server, view.decision_inputs, shopper, ask, decider)
        trace = outcome.trace(request.why_not) if traced else None
        ready = ready_offer(view.decision_inputs, ask, outcome, rescored, trace)
        if cache_key is not None:
            view.offers.put(cache_key, ready, len(ready.rest) + len(ready.choices))
    written = ready.under(decision_id)
    server.decisions.add(
        Decision(
            id=decision_id,
            ts=now,
            kind="next_best_offer",
            customer_id=ask.customer_id,
            session_id=session_id,
            model_version=view.catalogue.manifest.version,
            variant=ready.variant,
            fallback=ready.fallback,
            answer=written.decode(),
            propensity=ready.propensity,
            candidates=ready.considered,
            context=orjson.dumps(context).decode(),
            choices=ready.choices,
        )
    )
    return Answered(written, ready.fallback)


def _cache_key(
    inputs: DecisionInputs, ask: OfferAsk, shopper: Shopper, policy: ChoicePolicy, now: datetime
) -> Hashable | None:
    """Return the cache key of an answer that stays the same for the rest of the hour.

    None where it may differ: the shopper did something since the bundle was made, contacts are
    counted, or the policy explores.
    """
    if shopper.dismissed_products or shopper.dismissed_offers or shopper.purchases:
        return None
    if ask.channel in inputs.counted_channels or policy.exploration.explores:
        return None
    return ask.customer_id, ask.n, policy.variant, *hour_of(inputs.book, ask.channel, now)


async def _past(
    server: Server, inputs: DecisionInputs, ask: OfferAsk, now: datetime
) -> ContactHistory | None:
    """Return the customer's contacts, where they may stop an offer."""
    if ask.customer_id is None or ask.channel not in inputs.counted_channels:
        return NO_CONTACTS
    since = now - reach_back(inputs.book)
    history = await asyncio.to_thread(server.store.contacts.history, [ask.customer_id], since)
    return history.get(ask.customer_id, NO_CONTACTS)


async def _reserved(
    server: Server, inputs: DecisionInputs, shopper: Shopper, ask: OfferAsk, decider: Decider
) -> OfferOutcome:
    """Decide, and reserve the contacts of the decision durably before it is answered.

    Where another process reserved first and a cap is reached, decide again without that offer.
    """
    log = server.store.contacts
    while True:
        outcome = next_best_offer(inputs, shopper, ask, decider)
        proposed = outcome.contacts(inputs, ask, decider)
        if not proposed:
            return outcome
        stops = await asyncio.to_thread(log.reserve, proposed, inputs.book)
        refused = {
            contact.offer_id: stop for contact, stop in zip(proposed, stops, strict=True) if stop
        }
        if not refused:
            return outcome
        await asyncio.to_thread(log.release, [contact.contact_id for contact in proposed])
        decider = replace(decider, refused={**decider.refused, **refused})
