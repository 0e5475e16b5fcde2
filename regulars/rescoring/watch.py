"""The loop: customers with events since the mark are scored again, and the mark moves on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from features.errors import RegularsError
from features.wording import counted
from regulars.settings import Settings
from serving.storage.score_store import Mark, ScoreStore

if TYPE_CHECKING:
    from regulars.rescoring.scorer import Scorer

_LOG = logging.getLogger("regulars.rescoring")

POLL_SECONDS: Final = 3.0
"""Pause between two looks at the store."""

_LONGEST_PAUSE_SECONDS: Final = 60.0
# A heartbeat is a write, and every worker reads it.
_HEARTBEAT_EVERY: Final = timedelta(seconds=20)


@dataclass(frozen=True)
class Step:
    """The result of one look at the store.

    Parameters
    ----------
    customers
        Number scored again.
    waited_seconds
        Age of the oldest of their new events; None where there was none.
    more
        Whether other customers are waiting already.
    """

    customers: int = 0
    waited_seconds: float | None = None
    more: bool = False

    @property
    def summary(self) -> str:
        """The step in a sentence."""
        scored = f"Scored {counted(self.customers, 'customer')} again"
        if self.waited_seconds is None:
            return scored
        return f"{scored}, {self.waited_seconds:.0f} s after the first event"


class Rescoring:
    """Scores customers again, step by step; models are loaded when they are first needed.

    Parameters
    ----------
    clock
        Returns the time now, with its zone.
    """

    def __init__(
        self, settings: Settings, scores: ScoreStore, clock: Callable[[], datetime]
    ) -> None:
        self._settings = settings
        self._scores = scores
        self._clock = clock
        self._opened = ExitStack()
        self._scorer: Scorer | None = None

    def step(self) -> Step:
        """Score customers with events since the mark, at most a few thousand.

        Raises
        ------
        RegularsError
            The store, a model or the shop's history is not available; nothing was written.
        """
        from regulars.rescoring.scorer import version_to_score

        version = version_to_score(self._settings)
        mark = self._scores.mark()
        if mark is None or mark.model_version != version:
            scorer = self._fitting_scorer()
            mark = self._scores.begin(
                scorer.model_version, scorer.since, scorer.received_after, self._clock()
            )
        touched = self._scores.touched(mark.last_sequence)
        if not touched.customer_ids:
            self._send_heartbeat(mark)
            return Step()
        scorer = self._fitting_scorer()
        sent = self._scores.events_of(touched.customer_ids, scorer.since, scorer.received_after)
        rescored = scorer.score(sent, self._clock()) if sent else []
        now = self._clock()
        if scorer.model_version != mark.model_version or not self._scores.keep(
            rescored, mark, touched.last_sequence, now
        ):
            # Another bundle was activated or another process rescored: start over in the next step.
            return Step()
        waited = None if touched.since is None else (now - touched.since).total_seconds()
        return Step(len(rescored), waited, touched.more)

    def close(self) -> None:
        """Close models and tables; the next step opens them again."""
        self._scorer = None
        self._opened.close()

    def _fitting_scorer(self) -> Scorer:
        """Return the open scorer, reopened if the bundle or the shop's tables have changed."""
        from regulars.rescoring.scorer import open_scorer, state_of

        if self._scorer is None or self._scorer.state != state_of(self._settings):
            self.close()
            self._scorer = self._opened.enter_context(open_scorer(self._settings))
        return self._scorer

    def _send_heartbeat(self, mark: Mark) -> None:
        now = self._clock()
        if now - mark.seen_at > _HEARTBEAT_EVERY:
            self._scores.seen(mark, now)


def watch(
    rescoring: Rescoring, sleep: Callable[[float], None], on_step: Callable[[Step], None]
) -> None:
    """Take steps forever; after errors at growing intervals of up to a minute.

    Parameters
    ----------
    on_step
        Called with each step in which somebody was scored.

    Raises
    ------
    Exception
        Anything other than a :class:`RegularsError`: a new process may recover from it.
    """
    pause = POLL_SECONDS
    while True:
        try:
            step = rescoring.step()
        except RegularsError as error:
            rescoring.close()
            _LOG.warning("customers are not scored again for now: %s", error.problem)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        else:
            pause = 0.0 if step.more else POLL_SECONDS
            if step.customers:
                on_step(step)
        sleep(pause)


def utc_now() -> datetime:
    """Return the time now, with its zone."""
    return datetime.now(UTC)
