"""What shoppers did since the bundle was made: reads see the shopper's own writes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Set
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

from models.erasure import customer_hash
from serving.events import WISHES, Event

WISH_DAYS: Final = timedelta(days=7)
"""How long a view, a cart addition or a search is remembered: no bundle holds any of them."""

MOST_WISHES: Final = 50
"""Of one shopper, the latest."""

MOST_BROWSING: Final = 50_000
"""Customers and sessions whose wishes are kept in memory, those who were seen last ..."""

MOST_WISHES_OF_ALL: Final = 100_000
"""... and how many wishes of theirs: some 60 MB at most for both."""

# The same text may be a customer's id and a session's.
_CUSTOMER, _SESSION = "customer", "session"

_EPOCH = date(1970, 1, 1).toordinal()

_Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Wish:
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
    dismissed_products, dismissed_offers
        Ids that the shopper rejected.
    purchases
        Product id -> order (or event) id -> day, counted from 1970-01-01; only those that the
        bundle cannot hold: dated from its ``as_of`` on, or received after it was made.
    wishes
        Event id -> the latest views, cart additions and searches, the oldest first.
    """

    # Most shoppers dismiss nothing: they share one empty set.
    dismissed_products: Set[str] = frozenset()
    dismissed_offers: Set[str] = frozenset()
    purchases: dict[str, dict[str, int]] = field(default_factory=dict)
    wishes: dict[str, Wish] = field(default_factory=dict)

    def merged(self, other: Shopper) -> Shopper:
        """Return what either did."""
        both = self.purchases.keys() | other.purchases.keys()
        return Shopper(
            self.dismissed_products | other.dismissed_products,
            self.dismissed_offers | other.dismissed_offers,
            {id_: self.purchases.get(id_, {}) | other.purchases.get(id_, {}) for id_ in both},
            self.wishes | other.wishes,
        )

    @property
    def is_blank(self) -> bool:
        """Whether nothing is remembered."""
        return not (
            self.dismissed_products or self.dismissed_offers or self.purchases or self.wishes
        )


_NOBODY = Shopper()


class Shoppers:
    """All shoppers with something to remember, in memory; the store holds the same durably.

    Parameters
    ----------
    events
        What is remembered from the start.
    heard
        Number of the store's latest group of events among them.

    Attributes
    ----------
    version
        The store's, when it was last asked for news.
    """

    def __init__(self, events: Iterable[Event] = (), heard: int = 0) -> None:
        self._known: dict[_Key, Shopper] = {}
        # Those with wishes, whoever was seen longest ago first; and how many wishes these are.
        self._browsing: OrderedDict[_Key, None] = OrderedDict()
        self._wishes = 0
        self.heard = heard
        self.version: int | None = None
        for event in events:
            self.record(event)

    def record(self, event: Event) -> None:
        """Remember an acknowledged event; recording one twice changes nothing."""
        wish = _wish(event)
        if wish is None and event.type not in ("reject", "purchase"):
            return
        for kind, id_ in ((_CUSTOMER, event.customer_id), (_SESSION, event.session_id)):
            if id_ is None:
                continue
            key = (kind, id_)
            shopper = self._known.get(key)
            if shopper is None:
                shopper = self._known[key] = Shopper()
            if wish is None:
                _record(shopper, event)
            else:
                self._wish(key, shopper, event.event_id, wish)

    def _wish(self, key: _Key, shopper: Shopper, event_id: str, wish: Wish) -> None:
        self._browsing[key] = None
        self._browsing.move_to_end(key)
        self._wishes += _remember(shopper.wishes, event_id, wish)
        while self._wishes > MOST_WISHES_OF_ALL or len(self._browsing) > MOST_BROWSING:
            longest_ago, _ = self._browsing.popitem(last=False)
            given_up = self._known[longest_ago]
            self._wishes -= len(given_up.wishes)
            given_up.wishes.clear()
            if given_up.is_blank:
                del self._known[longest_ago]

    def forget(self, hashes: Collection[str]) -> None:
        """Forget customers by the hashes of their ids."""
        for key in list(self._known):
            if key[0] == _CUSTOMER and customer_hash(key[1]) in hashes:
                self._wishes -= len(self._known.pop(key).wishes)
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


def _wish(event: Event) -> Wish | None:
    what = event.query if event.type == "search" else event.product_id
    if event.type not in WISHES or what is None:
        return None
    return Wish(event.type, what, event.ts)


def _remember(wishes: dict[str, Wish], event_id: str, wish: Wish) -> int:
    """Put a wish in its place in time; return by how many wishes there are more now."""
    if event_id in wishes:
        return 0
    latest = next(reversed(wishes), None)
    late = latest is not None and (wish.at, event_id) < (wishes[latest].at, latest)
    wishes[event_id] = wish
    if late:
        # Seldom: things are mostly told in the order in which they happened.
        in_time = sorted(wishes.items(), key=lambda each: (each[1].at, each[0]))
        wishes.clear()
        wishes.update(in_time)
    if len(wishes) <= MOST_WISHES:
        return 1
    del wishes[next(iter(wishes))]
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
