"""The state of a running server: the view that requests read, and all that changes it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

from features.errors import BundleError, RegularsError
from serving.answers import EventsReceipt, Reloaded
from serving.background import repeat
from serving.bundles import BundleSource
from serving.decisions.policies.experiments import Experiments
from serving.decisions.policies.settings import BEST_BY_VALUE, PolicySettings
from serving.events import Event, check_events
from serving.freshness import Freshness
from serving.http.keys import Keys
from serving.http.metrics import Metrics
from serving.shared_call import SharedCall
from serving.storage.decision_log import DecisionLog
from serving.storage.inbox import Inbox
from serving.storage.store import Store, StoreError
from serving.view import View, forget, midnight, open_view, remembered

_LOG = logging.getLogger("regulars.bundles")

# The longest that an answer waits to read other workers' events.
NEWS_TIMEOUT_SECONDS: Final = 0.25
_CHECK_TIMEOUT_SECONDS: Final = 1.0


class Server:
    """The parts that routes share.

    Parameters
    ----------
    keys
        None when the server is open to all of this machine.
    clock
        Returns the time now, with its zone.
    new_id
        Returns a unique text at each call.
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
        # The active bundle if it cannot be served and an older one goes on serving.
        self.refused_version: str | None = None
        self._show_bundle()
        self._news = SharedCall(self._read_news, NEWS_TIMEOUT_SECONDS)
        self._reading_news = asyncio.Lock()
        # The view that lacks nothing of what other workers wrote, in this turn of the event loop.
        self._current: View | None = None
        self.freshness = Freshness(store, clock, self.metrics.scores)
        self._check = SharedCall(partial(asyncio.to_thread, store.check), _CHECK_TIMEOUT_SECONDS)
        self._inbox = Inbox(store, clock, self._remember)
        # Held while a bundle is opened or a customer is erased: neither may miss the other.
        self._changing = asyncio.Lock()
        # Events since the next bundle is being opened; None while none is.
        self._arrived: list[tuple[Event, bool]] | None = None

    async def reload(self) -> Reloaded:
        """Serve the bundle that is active now; on an error the old one goes on serving.

        Raises
        ------
        BundleError
            When the new bundle cannot be served.
        """
        async with self._changing:
            previous, heard = self.view.catalogue.manifest.version, self.view.shoppers.latest_group
            # Events go on: each is in what is read back, or came since, or is in both.
            arrived = self._arrived = []
            try:
                self.view = await asyncio.to_thread(self._read_view)
            finally:
                self._arrived = None
            for event, new in arrived:
                self._remember(event, new)
            # Some of these may have come before an erasure: it is to be heard of after them.
            self.view.shoppers.latest_group = heard
            self.refused_version = None
            self._show_bundle()
        manifest = self.view.catalogue.manifest
        return Reloaded(manifest.version, previous, manifest.as_of)

    async def catch_up(self) -> bool:
        """Read the events that other workers acknowledged, so that the next answer counts them.

        Returns
        -------
        False when the store did not answer in time: what was read before is all that counts.
        """
        if self._current is self.view:
            return True
        is_current = await self._is_current()
        if not is_current:
            self.metrics.count_stale_answer()
        return is_current

    async def listen(self, interval_seconds: float) -> None:
        """Read other workers' events now and then, until cancelled.

        A worker that gives no answers for a while would otherwise have much to read for its next.
        """
        await repeat("listening", self._is_current, interval_seconds)

    async def _is_current(self) -> bool:
        # What is found holds for all requests of this turn of the event loop, which were sent
        # before: requests are read between the turns. Those read later come after this call.
        asyncio.get_running_loop().call_soon(self._look_again)
        try:
            shoppers, version = self.view.shoppers, self.store.version()
            if version is not None:
                latest = (
                    shoppers.latest_group
                    if version == shoppers.version
                    else self.store.only_own_since(shoppers.latest_group)
                )
                if latest is not None:
                    shoppers.latest_group, shoppers.version = latest, version
                    self._current = self.view
                    return True
            return await self._news.answered()
        except StoreError:
            return False

    def _look_again(self) -> None:
        self._current = None

    async def _read_news(self) -> None:
        async with self._reading_news:
            view: View | None = None
            while view is not self.view:
                # A reload may replace the view meanwhile: the new one may lack these news.
                view = self.view
                await self._read_news_of(view)

    async def _read_news_of(self, view: View) -> None:
        shoppers, version = view.shoppers, self.store.version()
        if version is None or version != shoppers.version:
            news = await asyncio.to_thread(self.store.news, shoppers.latest_group)
            forgotten = frozenset[str]()
            while erased := news.erased - forgotten:
                await self._forget(view, erased)
                forgotten |= erased
                # What the customers sent since was forgotten with the rest.
                news = await asyncio.to_thread(self.store.news, shoppers.latest_group)
            for event in news.events:
                shoppers.record(event)
            for rescored in news.rescored:
                view.rescored.record(rescored)
            shoppers.latest_group, shoppers.version = (
                max(news.latest_group, shoppers.latest_group),
                version,
            )

    async def _forget(self, view: View, hashes: Collection[str]) -> None:
        # What this worker stored before the erasure it also remembered before: it can be forgotten.
        async with self._inbox.pause:
            pass
        # Only looked for in a thread: what requests and events change is changed here alone.
        forget(view, await asyncio.to_thread(remembered, view, hashes))

    async def store_answers(self) -> bool:
        """Return whether the store answers in time; ``StoreError`` when it fails."""
        return await self._check.answered()

    async def follow(self, interval_seconds: float) -> None:
        """Serve whichever bundle becomes active, until cancelled; a damaged one is logged."""
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
            # The store failed, not the bundle: it is tried again.
            _LOG.warning("bundle %s waits: %s", active, error.problem)

    async def follow_keys(self, read_keys: Callable[[], Keys], interval_seconds: float) -> None:
        """Take over the keys that hold now, until cancelled; the last that could be read hold."""

        async def take_over() -> None:
            self.keys = await asyncio.to_thread(read_keys)

        await repeat("reading keys", take_over, interval_seconds)

    async def erase(self, customer_id: str) -> int:
        """Forget a customer here and for good; return how many records there were.

        Raises
        ------
        StoreError
            It is not known that anything was forgotten: ask again.
        """
        # Decisions that are not yet written must be in the store to be erased.
        await self.decisions.flush()
        async with self._changing:
            records = await asyncio.to_thread(self.store.erase, customer_id, self.clock)
            await self._read_news()
        return records

    async def accept_events(self, raw: Sequence[Any]) -> EventsReceipt:
        """Store the good events of a batch durably and let later answers see them.

        Raises
        ------
        StoreError
            It is not known that they are stored: send them again, with the same ids.
        """
        good, rejected = check_events(raw, self.clock(), self.new_id)
        events = list(good.values())
        try:
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
        manifest, refused = self.view.catalogue.manifest, self.refused_version is not None
        self.metrics.show_bundle(manifest.version, manifest.as_of, refused=refused)

    def _remember(self, event: Event, new: bool) -> None:
        if self._arrived is not None:
            self._arrived.append((event, new))
        # Duplicates too: the first delivery may have been stored and not remembered.
        if new or not self._may_be_in_bundle(event):
            self.view.shoppers.record(event)

    def _may_be_in_bundle(self, repeated: Event) -> bool:
        # When it was first received is not known here, and it must not count twice.
        as_of = midnight(self.view.catalogue.manifest.as_of)
        return repeated.type == "purchase" and repeated.ts < as_of

    def _read_view(self) -> View:
        return open_view(self.bundle_source.load(), self.store, self.clock())
