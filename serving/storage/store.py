"""What the server needs of a store of events and decisions, and what it keeps there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from features.errors import RegularsError
from serving.customers.rescored import Rescored
from serving.decisions.gates.contact_policy import ContactLog
from serving.events import Event


class StoreError(RegularsError):
    """The store cannot be reached or cannot write."""


class UnstorableError(StoreError):
    """A value can never be stored as it is: trying again does not help."""


class Decision(NamedTuple):
    """One logged answer, for learning from its outcome.

    Parameters
    ----------
    answer
        What was answered, as JSON.
    propensity
        Probability that the policy gave exactly this answer.
    candidates
        Number of products or actions that it was chosen from.
    context
        What the request said about its circumstances, as JSON: scenario, placements.
    choices
        The candidates and their probabilities, as JSON, where a policy chose among them: see
        :mod:`serving.decisions.learning.logged_choices`.
    """

    id: str
    ts: datetime
    kind: str
    customer_id: str | None
    session_id: str | None
    model_version: str
    variant: str
    fallback: str | None
    answer: str
    propensity: float
    candidates: int
    context: str
    choices: str | None = None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """A call that only administrators may make; ``subject`` names no person."""

    ts: datetime
    key_name: str | None
    action: str
    subject: str
    outcome: str


@dataclass(frozen=True, slots=True)
class RescoringState:
    """How far scoring customers again has come.

    Parameters
    ----------
    model_version
        Of the bundle whose models score.
    seen_at
        When the rescoring process was last at work, with its time zone.
    waiting_since
        When the oldest event that no score counts yet was received; None without any.
    """

    model_version: str
    seen_at: datetime
    waiting_since: datetime | None


@dataclass(frozen=True, slots=True)
class News:
    """What was written after some group of events.

    Parameters
    ----------
    latest_group
        Number of the latest group.
    events
        Those that later answers count: rejections, purchases and interests.
    erased
        Hashes of the ids of customers who were erased.
    rescored
        New scores of customers.
    """

    latest_group: int
    events: Sequence[Event]
    erased: frozenset[str]
    rescored: Sequence[Rescored] = ()


class Store(Protocol):
    """What the server needs of a store."""

    @property
    def contacts(self) -> ContactLog:
        """Offers made, in which caps are counted."""
        ...

    def add_events(self, events: Sequence[Event], received_at: datetime) -> set[str]:
        """Store the events whose id is new and return those ids, once they are durable."""
        ...

    def add_decisions(self, decisions: Sequence[Decision]) -> None:
        """Store all decisions durably, or none: ``UnstorableError`` when one is unfit."""
        ...

    def shopper_events(
        self,
        since: datetime,
        received_after: datetime,
        visits_since: datetime,
        most_interests: int | None = None,
    ) -> Iterator[Event]:
        """Yield rejections, purchases dated ``since`` or received after, and interests.

        Interests, and rejections by nobody known, from ``visits_since`` on; of interests the
        latest ``most_interests``, and those of the same moment as the earliest of these; None
        yields all.
        """
        ...

    def rescored(self, model_version: str, most: int) -> Sequence[Rescored]:
        """Return scores made since a bundle by its models, oldest first; of many the latest."""
        ...

    def rescoring(self) -> RescoringState | None:
        """Return how far rescoring has come; None where it never ran."""
        ...

    def version(self) -> int | None:
        """Return at once a number that changes with every write; None where it takes a query."""
        ...

    def only_own_since(self, group: int) -> int | None:
        """Return at once the latest group's number if this process wrote all those after ``group``.

        None when others wrote any, or where it takes a query.
        """
        ...

    def latest_group(self) -> int:
        """Return the number of the latest group of events."""
        ...

    def news(self, group: int) -> News:
        """Return what was written after the group of this number."""
        ...

    def erase(self, customer_id: str, clock: Callable[[], datetime]) -> int:
        """Forget a customer's events and decisions for good; return how many there were.

        :meth:`news` reports it, to this process too.

        Parameters
        ----------
        clock
            Returns the time now, with its zone.
        """
        ...

    def erased(self) -> set[str]:
        """Return the hashes of the ids of all customers who were erased."""
        ...

    def audit(self, entry: AuditEntry) -> None:
        """Note what an administrator did."""
        ...

    def check(self) -> None:
        """Raise :class:`StoreError` when the store cannot be reached."""
        ...

    def close(self) -> None:
        """Release the connections."""
        ...
