"""Whether customers are rescored: read from the store now and then, shown to operators."""

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
# The rescoring process signs several times a minute that it runs.
_UNSEEN: Final = timedelta(seconds=90)


class ScoreGauges:
    """Gauges of how fresh the scores are."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, meaning: str) -> Gauge:
            # The largest over the workers: one without requests may lag behind.
            return Gauge(name, meaning, registry=registry, multiprocess_mode="livemax")

        self._live = gauge(
            "regulars_scores_are_live",
            "1 while customers are rescored after events, 0 while only the bundle's scores count.",
        )
        self._rescored = gauge(
            "regulars_rescored_customers",
            "Customers whose scores are newer than the bundle.",
        )
        self._age = gauge(
            "regulars_unscored_event_age_seconds",
            "How long the oldest event that no score counts yet has waited; 0 when there is none.",
        )

    def show(self, *, live: bool, rescored: int, age_seconds: float) -> None:
        """Set the gauges."""
        self._live.set(live)
        self._rescored.set(rescored)
        self._age.set(age_seconds)


class Freshness:
    """Reads from the store how far rescoring has come, and shows it.

    Parameters
    ----------
    clock
        Returns the time now, with its zone.

    Attributes
    ----------
    live
        Whether customers of the served bundle are rescored after new events.
    """

    def __init__(self, store: Store, clock: Callable[[], datetime], gauges: ScoreGauges) -> None:
        self._store = store
        self._clock = clock
        self._gauges = gauges
        self.live = False

    async def follow(self, rescored: Callable[[], RescoredCustomers]) -> None:
        """Read periodically, until cancelled.

        Parameters
        ----------
        rescored
            Returns the rescored customers of the served bundle.
        """
        await repeat(
            "reading the state of rescoring", lambda: self.read(rescored()), _EVERY_SECONDS
        )

    async def read(self, rescored: RescoredCustomers) -> None:
        """Read once."""
        try:
            state = await asyncio.to_thread(self._store.rescoring)
        except StoreError:
            # Health checks report a store that fails.
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
