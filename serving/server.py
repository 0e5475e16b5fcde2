"""What a running server is: the view that requests read, and the few things that change it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

from features.errors import BundleError, RegularsError
from models.erasure import customer_hash
from serving.answers import EventsReceipt, Reloaded
from serving.background import repeat
from serving.bundles import BundleSource
from serving.decisions.policies.experiments import Experiments
from serving.decisions.policies.settings import BEST_BY_VALUE, PolicySettings
from serving.events import Event, check_events
from serving.freshness import Freshness
from serving.http.keys import Keys
from serving.http.metrics import Metrics
from serving.patience import SharedQuestion
from serving.storage.decision_log import DecisionLog
from serving.storage.inbox import Inbox
from serving.storage.store import Store, StoreError
from serving.view import View, forget, midnight, open_view

_LOG = logging.getLogger("regulars.bundles")

# The longest that an answer waits to hear of other workers' events, once when a store hangs.
NEWS_PATIENCE_SECONDS: Final = 0.25
# The longest that events wait for a store before they are refused.
EVENTS_PATIENCE_SECONDS: Final = 5.0
_CHECK_PATIENCE_SECONDS: Final = 1.0


class Server:
    """The parts that routes share.

    Parameters
    ----------
    keys
        None when the server is open to all of this machine.
    clock
        Returns the time now, with its zone.
    new_id
        Returns a text never returned before.
    policies
        How next best offers are explored and compared.

    Raises
    ------
    BundleError, StoreError
        When there is nothing to serve, or the store cannot be read.
    """

    def __init__(
        self,
        bundle_source: BundleSource,
        store: Store,
        keys: Keys | None,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        policies: PolicySettings = BEST_BY_VALUE,
    ) -> None:
        self.bundle_source = bundle_source
        self.store = store
        self.keys = keys
        self.clock = clock
        self.new_id = new_id
        self.experiments = Experiments(policies)
        self.metrics = Metrics()
        self.decisions = DecisionLog(store, self.metrics.count_lost_decisions)
        self.view = self._read_view()
        # The active bundle that cannot be served, while an older one goes on.
        self.refused_version: str | None = None
        self._show_bundle()
        self._news = SharedQuestion(self._read_news, NEWS_PATIENCE_SECONDS)
        self.freshness = Freshness(store, clock, self.metrics.scores)
        self._check = SharedQuestion(
            partial(asyncio.to_thread, store.check), _CHECK_PATIENCE_SECONDS
        )
        self._inbox = Inbox(store, clock, self._remember)

    async def reload(self) -> Reloaded:
        """Serve the bundle that is active now; on an error the old one goes on serving.

        Raises
        ------
        BundleError
            When the new bundle cannot be served.
        """
        # Events wait, so that none falls between what is read back and what comes after.
        async with self._inbox.pause:
            previous = self.view.catalogue.manifest.version
            self.view = await asyncio.to_thread(self._read_view)
            self.refused_version = None
            self._show_bundle()
        manifest = self.view.catalogue.manifest
        return Reloaded(manifest.version, previous, manifest.as_of)

    async def catch_up(self) -> bool:
        """Learn what other workers have acknowledged, so that this answer counts it.

        Returns
        -------
        False when the store could not tell in time: this answer counts what was known before.
        """
        heard = await self._hear()
        if not heard:
            self.metrics.count_stale_answer()
        return heard

    async def listen(self, interval_seconds: float) -> None:
        """Hear of news though nobody asks, until cancelled: whoever does then has little to read.

        Those who only send events ask for no answer.
        """
        await repeat("listening", self._hear, interval_seconds)

    async def _hear(self) -> bool:
        try:
            shoppers, version = self.view.shoppers, self.store.version()
            if version is not None:
                if version == shoppers.version:
                    return True
                latest = self.store.only_own_since(shoppers.heard)
                if latest is not None:
                    shoppers.heard, shoppers.version = latest, version
                    return True
            return await self._news.answered()
        except StoreError:
            return False

    async def _read_news(self) -> None:
        view = self.view
        shoppers, version = view.shoppers, self.store.version()
        if version is None or version != shoppers.version:
            news = await asyncio.to_thread(self.store.news, shoppers.heard)
            if news.erased:
                await _forget_here(view, news.erased)
            for event in news.events:
                shoppers.record(event)
            for rescored in news.rescored:
                view.rescored.record(rescored)
            shoppers.heard, shoppers.version = max(news.heard, shoppers.heard), version
        if view is not self.view:
            # A reload came between: what it read back may be older than this question.
            await self._read_news()

    async def store_answers(self) -> bool:
        """Tell whether the store can be reached now; ``StoreError`` when it says that it cannot."""
        return await self._check.answered()

    async def follow(self, interval_seconds: float) -> None:
        """Serve whichever bundle becomes active, until cancelled; a bad one is only reported."""
        await repeat("following bundles", self._serve_active, interval_seconds)

    async def _serve_active(self) -> None:
        active: str | None = None
        try:
            active = await asyncio.to_thread(self.bundle_source.active)
            if active not in {None, self.refused_version, self.view.catalogue.manifest.version}:
                await self.reload()
        except BundleError as error:
            self.refused_version = active
            self._show_bundle()
            _LOG.error("bundle %s cannot be served: %s", active, error.problem)
        except RegularsError as error:
            # The store's trouble, not the bundle's: it is tried again.
            _LOG.warning("bundle %s waits: %s", active, error.problem)

    async def erase(self, customer_id: str) -> int:
        """Forget a customer here and for good; return how many records there were.

        Raises
        ------
        StoreError
            Nothing was forgotten.
        """
        # What was decided and not yet written must be there to be erased.
        await self.decisions.flush()
        async with self._inbox.pause:
            records = await asyncio.to_thread(self.store.erase, customer_id, self.clock())
            await _forget_here(self.view, {customer_hash(customer_id)})
        return records

    async def accept_events(self, raw: Sequence[Any]) -> EventsReceipt:
        """Store the good events of a batch durably and let later answers see them.

        Raises
        ------
        StoreError
            None is known to be stored: they are to be sent again, with the same ids.
        """
        good, rejected = check_events(raw, self.clock(), self.new_id)
        events = list(good.values())
        try:
            async with asyncio.timeout(EVENTS_PATIENCE_SECONDS):
                accepted = await self._inbox.add(events)
        except TimeoutError:
            raise StoreError(
                "the event store did not answer in time",
                "Send the events again with the same event_id: none is then counted twice.",
            ) from None
        duplicates = len(events) - len(accepted)
        self.metrics.count_events(len(accepted), duplicates, len(rejected))
        ids = [good[index].event_id if index in good else None for index in range(len(raw))]
        return EventsReceipt(len(accepted), duplicates, ids, rejected)

    def _show_bundle(self) -> None:
        as_of = self.view.catalogue.manifest.as_of
        self.metrics.show_bundle(as_of, refused=self.refused_version is not None)

    def _remember(self, event: Event, new: bool) -> None:
        # Duplicates too: their first delivery may have ended between store and memory.
        if new or not self._may_be_in_bundle(event):
            self.view.shoppers.record(event)

    def _may_be_in_bundle(self, repeated: Event) -> bool:
        # When it first came in is not known here: counting it twice must be avoided.
        as_of = midnight(self.view.catalogue.manifest.as_of)
        return repeated.type == "purchase" and repeated.ts < as_of

    def _read_view(self) -> View:
        return open_view(self.bundle_source.load(), self.store, self.clock())


async def _forget_here(view: View, hashes: Collection[str]) -> None:
    await asyncio.to_thread(forget, view, hashes)
    # Last, and where answers are given: none that was worked out before comes in after.
    view.shelves.clear()
    view.profiles.clear()
    view.offers.clear()
