"""Prometheus metrics, errors included; labels never name a person."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, time
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from serving.freshness import ScoreGauges

# Where the library adds up the counts of several workers; it reads the variable on import.
MULTIPROCESS_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """The counters of one server."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Histogram(
            "regulars_request_duration_seconds",
            "Duration of requests, by endpoint, status, model version and fallback.",
            ("endpoint", "method", "status", "model_version", "fallback"),
            buckets=_SECONDS,
            registry=self._registry,
        )
        # Series by labels: the library's own look-up takes longer than the counting.
        self._series: dict[tuple[str, ...], Histogram] = {}
        self._events = Counter(
            "regulars_events",
            "Events received, by what became of them.",
            ("outcome",),
            registry=self._registry,
        )
        self._accepted = self._events.labels("accepted")
        self._duplicates = self._events.labels("duplicate")
        self._rejected = self._events.labels("rejected")
        self._stale_answers = Counter(
            "regulars_stale_answers",
            "Answers without other workers' latest events, as the store did not answer in time.",
            registry=self._registry,
        )
        self._lost_decisions = Counter(
            "regulars_lost_decisions",
            "Decisions that could not be logged.",
            registry=self._registry,
        )

        self._as_of = Gauge(
            "regulars_bundle_as_of_timestamp_seconds",
            "The time before which the served bundle knows everything.",
            registry=self._registry,
            multiprocess_mode="mostrecent",
        )
        self._refused = Gauge(
            "regulars_bundle_refused",
            "1 while the active bundle cannot be served and an older one goes on.",
            registry=self._registry,
            multiprocess_mode="mostrecent",
        )

        self.scores = ScoreGauges(self._registry)

    def count_request(
        self,
        endpoint: str,
        method: str,
        status: int,
        model_version: str,
        fallback: str,
        seconds: float,
    ) -> None:
        """Count one finished request."""
        labels = (endpoint, method, str(status), model_version, fallback)
        series = self._series.get(labels)
        if series is None:
            series = self._series[labels] = self._requests.labels(*labels)
        series.observe(seconds)

    def count_events(self, accepted: int, duplicates: int, rejected: int) -> None:
        """Count the events of one batch."""
        self._accepted.inc(accepted)
        if duplicates:
            self._duplicates.inc(duplicates)
        if rejected:
            self._rejected.inc(rejected)

    def count_lost_decisions(self, lost: int) -> None:
        """Count decisions that were dropped because the store could not take them."""
        self._lost_decisions.inc(lost)

    def count_stale_answer(self) -> None:
        """Count an answer without other workers' latest events, as the store did not answer."""
        self._stale_answers.inc()

    def show_bundle(self, as_of: date, *, refused: bool) -> None:
        """Show the age of the served bundle, and whether a newer one was refused."""
        self._as_of.set(datetime.combine(as_of, time(), tzinfo=UTC).timestamp())
        self._refused.set(refused)

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format: those of all workers together."""
        if MULTIPROCESS_FOLDER not in os.environ:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # it has no types
        return generate_latest(registry)
