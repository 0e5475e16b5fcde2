"""Prometheus metrics, errors included; labels never name a person."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.samples import Sample

from serving.freshness import ScoreGauges

# Where the library adds up the counts of several workers; it reads the variable on import.
MULTIPROCESS_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"

_VERSION: Final = "model_version"
_LABELS: Final = ("endpoint", "method", "status", _VERSION, "fallback")
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """The counters of one server."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Histogram(
            "regulars_request_duration_seconds",
            "Duration of requests, by endpoint, status, model version and fallback.",
            _LABELS,
            buckets=_SECONDS,
            registry=self._registry,
        )
        # The version that is served and the one before it: a label that grew with every bundle
        # would take up memory, here and where the metrics are gathered.
        self._versions: tuple[str, ...] = ()
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

    def show_bundle(self, version: str, as_of: date, *, refused: bool) -> None:
        """Show the age of the served bundle, and whether a newer one was refused.

        Requests answered from bundles older than the one before it are shown no longer.
        """
        if version not in self._versions[-1:]:
            self._versions = (*self._versions[-1:], version)
            self._drop_older()
        self._as_of.set(datetime.combine(as_of, time(), tzinfo=UTC).timestamp())
        self._refused.set(refused)

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format: those of all workers together."""
        return generate_latest(_AllWorkers(self._versions) if _has_others() else self._registry)

    def _drop_older(self) -> None:
        if _has_others():
            # The library cannot: they are left out where all workers are added up.
            return
        for labels in list(self._series):
            if labels[_LABELS.index(_VERSION)] not in self._versions:
                del self._series[labels]
                self._requests.remove(*labels)


@dataclass(frozen=True)
class _AllWorkers:
    """The metrics of all workers added up; of requests those answered from some bundles.

    The workers' files keep the others, until the server ends: some 100 kB for each bundle.
    """

    versions: Collection[str]

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        for metric in MultiProcessCollector(None).collect():  # type: ignore[no-untyped-call]  # it has no types
            metric.samples = [sample for sample in metric.samples if self._is_shown(sample)]
            yield metric

    def _is_shown(self, sample: Sample) -> bool:
        return _VERSION not in sample.labels or sample.labels[_VERSION] in self.versions


def _has_others() -> bool:
    return MULTIPROCESS_FOLDER in os.environ
