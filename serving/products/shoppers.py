"""What shoppers did that the bundle does not know: reads see the shopper's own writes.

Rejections and purchases are kept for as long as the bundle is served, a customer's rejections for
ever; interests (views, cart additions and searches) for a week, and only those of the shoppers who
were active last.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Set
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

from models.bundle.erasure import customer_hash
from serving.events import INTEREST_TYPES, Event

VISIT_WINDOW: Final = timedelta(days=7)
"""How long views, cart additions, searches and anonymous rejections count: no bundle has them."""

MAX_INTERESTS_EACH: Final = 50
"""Interests kept of one shopper: the latest."""

MAX_INTERESTED: Final = 50_000
"""Customers and sessions whose interests are kept in memory: those active last."""

MAX_INTERESTS: Final = 100_000
"""Interests kept in memory in all: some 60 MB at most."""

# The same text may be a customer's id and a session's.
_CUSTOMER, _SESSION = "customer", "session"

_EPOCH = date(1970, 1, 1).toordinal()

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Interest:
    """A view, a cart addition or a search.

    Parameters
    ----------
    kind
        ``view``, ``cart_add`` or ``search``.
    what
        The product's id, or the words that were searched for.
    """

    kind: str
    what: str
    at: datetime


@dataclass(slots=True)
class Shopper:
    """What one customer or one session did.

    Parameters
    ----------
    customer_ids
        Of a session: the customers whom its events named; erasing one erases the session.
    dismissed_products, dismissed_offers
        Ids that the shopper rejected.
    purchases
        Product id -> order (or event) id -> day, counted from 1970-01-01; only those that the
        bundle cannot hold: dated from its ``as_of`` on, or received after it was made.
    interests
        Event id -> the latest views, cart additions and searches, the oldest first.
    """

    # Most shoppers dismiss nothing: they share one empty set.
    dismissed_products: Set[str] = frozenset()
    dismissed_offers: Set[str] = frozenset()
    purchases: dict[str, dict[str, int]] = field(default_factory=dict)
    interests: dict[str, Interest] = field(default_factory=dict)
    customer_ids: Set[str] = frozenset()

    def merged(self, other: Shopper) -> Shopper:
        """Return what either did."""
        both = self.purchases.keys() | other.purchases.keys()
        return Shopper(
            self.dismissed_products | other.dismissed_products,
            self.dismissed_offers | other.dismissed_offers,
            {id_: self.purchases.get(id_, {}) | other.purchases.get(id_, {}) for id_ in both},
            self.interests | other.interests,
        )

    @property
    def is_blank(self) -> bool:
        """Whether nothing is remembered."""
        return not (
            self.dismissed_products or self.dismissed_offers or self.purchases or self.interests
        )


_NOBODY = Shopper()


class Shoppers:
    """All shoppers of whom anything is remembered; the store holds the same events durably.

    Parameters
    ----------
    events
        Recorded at the start.
    latest_group
        Number of the store's latest group of events among them.

    Attributes
    ----------
    latest_group
        Number of the latest group that was read; later ones are still to be read.
    version
        The store's version when it was last read.
    """

    def __init__(self, events: Iterable[Event] = (), latest_group: int = 0) -> None:
        self._known: dict[Key, Shopper] = {}
        # Shoppers with interests, inactive for longest first, and how many interests they have.
        self._browsing: OrderedDict[Key, None] = OrderedDict()
        self._interests = 0
        self.latest_group = latest_group
        self.version: int | None = None
        for event in events:
            self.record(event)

    def record(self, event: Event) -> None:
        """Remember an acknowledged event; recording one twice changes nothing."""
        interest = _interest(event)
        if interest is None and event.type not in ("reject", "purchase"):
            return
        for kind, id_ in ((_CUSTOMER, event.customer_id), (_SESSION, event.session_id)):
            if id_ is None:
                continue
            key = (kind, id_)
            shopper = self._known.get(key)
            if shopper is None:
                shopper = self._known[key] = Shopper()
            if kind == _SESSION and event.customer_id is not None:
                shopper.customer_ids |= {event.customer_id}
            if interest is None:
                _record(shopper, event)
            else:
                self._interest(key, shopper, event.event_id, interest)

    def _interest(self, key: Key, shopper: Shopper, event_id: str, interest: Interest) -> None:
        self._browsing[key] = None
        self._browsing.move_to_end(key)
        self._interests += _remember(shopper.interests, event_id, interest)
        while self._interests > MAX_INTERESTS or len(self._browsing) > MAX_INTERESTED:
            inactive, _ = self._browsing.popitem(last=False)
            given_up = self._known[inactive]
            self._interests -= len(given_up.interests)
            given_up.interests.clear()
            if given_up.is_blank:
                del self._known[inactive]

    def named(self, hashes: Collection[str]) -> list[Key]:
        """Return the keys of customers by the hashes of their ids, and of sessions that named them.

        Changes nothing and may be called in any thread; all else in the one that records.
        """
        found = []
        for (kind, id_), shopper in list(self._known.items()):
            customer_ids = {id_} if kind == _CUSTOMER else shopper.customer_ids
            if any(customer_hash(each) in hashes for each in customer_ids):
                found.append((kind, id_))
        return found

    def forget(self, keys: Iterable[Key]) -> None:
        """Forget these customers and sessions."""
        for key in keys:
            shopper = self._known.pop(key, _NOBODY)
            self._interests -= len(shopper.interests)
            self._browsing.pop(key, None)

    def find(self, customer_id: str | None, session_id: str | None = None) -> Shopper:
        """Return what is remembered of the customer and the session together."""
        customer = self._known.get((_CUSTOMER, customer_id)) if customer_id else None
        session = self._known.get((_SESSION, session_id)) if session_id else None
        if customer and session:
            return customer.merged(session)
        return customer or session or _NOBODY


def day_of(at: datetime) -> int:
    """Return the day of a moment, counted from 1970-01-01."""
    return at.toordinal() - _EPOCH


def date_of(day: int) -> date:
    """Return the date of a day counted from 1970-01-01."""
    return date.fromordinal(day + _EPOCH)


def _interest(event: Event) -> Interest | None:
    what = event.query if event.type == "search" else event.product_id
    if event.type not in INTEREST_TYPES or what is None:
        return None
    return Interest(event.type, what, event.ts)


def _remember(interests: dict[str, Interest], event_id: str, interest: Interest) -> int:
    """Insert an interest in order of time; return by how many the interests grew, 0 or 1."""
    if event_id in interests:
        return 0
    latest = next(reversed(interests), None)
    late = latest is not None and (interest.at, event_id) < (interests[latest].at, latest)
    interests[event_id] = interest
    if late:
        # Seldom: events mostly arrive in the order in which they happened.
        in_time = sorted(interests.items(), key=lambda each: (each[1].at, each[0]))
        interests.clear()
        interests.update(in_time)
    if len(interests) <= MAX_INTERESTS_EACH:
        return 1
    del interests[next(iter(interests))]
    return 0


def _record(shopper: Shopper, event: Event) -> None:
    if event.type == "purchase" and event.product_id is not None:
        key = event.order_id or event.event_id
        shopper.purchases.setdefault(event.product_id, {})[key] = day_of(event.ts)
        return
    if event.product_id is not None:
        shopper.dismissed_products |= {event.product_id}
    if event.offer_id is not None:
        shopper.dismissed_offers |= {event.offer_id}
