"""Whether scores follow what customers do: asked of the store now and then, shown to operators."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from prometheus_client import CollectorRegistry, Gauge

from serving.background import repeat
from serving.customers.rescored import RescoredCustomers
from serving.storage.store import RescoringState, Store, StoreError

_EVERY_SECONDS: Final = 5.0
# Whoever rescores tells several times a minute that it runs.
_UNSEEN: Final = timedelta(seconds=90)


class ScoreGauges:
    """What operators watch."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, meaning: str) -> Gauge:
            # Of several workers: one that nobody asks anything hears of nothing.
            return Gauge(name, meaning, registry=registry, multiprocess_mode="livemax")

        self._live = gauge(
            "regulars_scores_are_live",
            "1 while customers are scored again after what they did, 0 while the bundle speaks.",
        )
        self._rescored = gauge(
            "regulars_rescored_customers",
            "Customers whose scores are newer than the bundle.",
        )
        self._age = gauge(
            "regulars_unscored_event_age_seconds",
            "How long the oldest event waits that no score counts yet; 0 when none does.",
        )

    def show(self, *, live: bool, rescored: int, age_seconds: float) -> None:
        """Show what was found."""
        self._live.set(live)
        self._rescored.set(rescored)
        self._age.set(age_seconds)


class Freshness:
    """Asks the store how far rescoring has come, and shows it.

    Parameters
    ----------
    clock
        Returns the time now, with its zone.

    Attributes
    ----------
    live
        Whether customers of the served bundle are scored again after what they did.
    """

    def __init__(self, store: Store, clock: Callable[[], datetime], gauges: ScoreGauges) -> None:
        self._store = store
        self._clock = clock
        self._gauges = gauges
        self.live = False

    async def follow(self, rescored: Callable[[], RescoredCustomers]) -> None:
        """Ask again and again, until cancelled.

        Parameters
        ----------
        rescored
            Returns those of the bundle that is served.
        """
        await repeat("telling how fresh scores are", lambda: self.look(rescored()), _EVERY_SECONDS)

    async def look(self, rescored: RescoredCustomers) -> None:
        """Ask once."""
        try:
            state = await asyncio.to_thread(self._store.rescoring)
        except StoreError:
            # It is said elsewhere that the store is away.
            state = None
        now = self._clock()
        self.live = _is_live(state, rescored.model_version, now)
        since = None if state is None else state.waiting_since
        age = 0.0 if since is None else max(0.0, (now - since).total_seconds())
        self._gauges.show(live=self.live, rescored=len(rescored), age_seconds=age)


def _is_live(state: RescoringState | None, model_version: str, now: datetime) -> bool:
    if state is None or state.model_version != model_version:
        return False
    return now - state.seen_at < _UNSEEN
