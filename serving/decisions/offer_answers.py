"""What the server answers when it is asked for offers.

The documented routes and their thin twin both end here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from serving.answers import Answered
from serving.decisions.desk import Desk
from serving.decisions.gates.contact_policy import NEVER, Contacted, reach_back
from serving.decisions.gates.moment import hour_of
from serving.decisions.next_best_offer import Decider, OfferAsk, OfferOutcome, next_best_offer
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
    """Decide for whoever asks, where and by which way they say."""
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
    said: NextBestOfferQuery | NextBestOfferRequest,
    session_id: str | None,
    context: Mapping[str, Any],
) -> Answered:
    view, now = server.view, server.clock()
    shopper = view.shoppers.find(ask.customer_id, session_id)
    policy = server.experiments.policy_of(ask.customer_id, now.date())
    decision_id = server.new_id()
    traced = said.trace or said.why_not is not None
    rescored = view.rescored.find(ask.customer_id)
    asked = None
    if not (traced or context or rescored):
        asked = _asked(view.desk, ask, shopper, policy, now)
    ready = None if asked is None else view.offers.get(asked)
    if ready is None:
        past = await _past(server, view.desk, ask, now)
        decider = Decider(decision_id, now, policy, past, rescored=rescored)
        outcome = await _reserved(server, view.desk, shopper, ask, decider)
        trace = outcome.trace(said.why_not) if traced else None
        ready = ready_offer(view.desk, ask, outcome, rescored, trace)
        if asked is not None:
            view.offers.put(asked, ready, len(ready.rest) + len(ready.choices))
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
            context=context,
            choices=ready.choices,
        )
    )
    return Answered(written, ready.fallback)


def _asked(
    desk: Desk, ask: OfferAsk, shopper: Shopper, policy: ChoicePolicy, now: datetime
) -> Hashable | None:
    """Return what an answer depends on beside the bundle, where it is the same all that hour.

    None where it may differ: what was done since the bundle was made has a say, contacts are
    counted, or something is left to chance.
    """
    if shopper.dismissed_products or shopper.dismissed_offers or shopper.purchases:
        return None
    if ask.channel in desk.counted_channels or policy.exploration.explores:
        return None
    return ask.customer_id, ask.n, policy.variant, *hour_of(desk.book, ask.channel, now)


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
