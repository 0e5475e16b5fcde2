"""What shoppers did since the bundle was made: reads see the shopper's own writes."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import date

from models.erasure import customer_hash
from serving.events import Event

# The same text may be a customer's id and a session's.
_CUSTOMER, _SESSION = "customer", "session"

_EPOCH = date(1970, 1, 1).toordinal()


@dataclass
class Shopper:
    """What one customer or one session did.

    Parameters
    ----------
    dismissed_products, dismissed_offers
        Ids that the shopper rejected.
    purchases
        Product id -> order (or event) id -> day, counted from 1970-01-01; only those that the
        bundle cannot hold: dated from its ``as_of`` on, or received after it was made.
    """

    dismissed_products: set[str] = field(default_factory=set)
    dismissed_offers: set[str] = field(default_factory=set)
    purchases: dict[str, dict[str, int]] = field(default_factory=dict)

    def merged(self, other: Shopper) -> Shopper:
        """Return what either did."""
        both = self.purchases.keys() | other.purchases.keys()
        return Shopper(
            self.dismissed_products | other.dismissed_products,
            self.dismissed_offers | other.dismissed_offers,
            {id_: self.purchases.get(id_, {}) | other.purchases.get(id_, {}) for id_ in both},
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
        self._known: dict[tuple[str, str], Shopper] = {}
        self.heard = heard
        self.version: int | None = None
        for event in events:
            self.record(event)

    def record(self, event: Event) -> None:
        """Remember an acknowledged event; recording one twice changes nothing."""
        if event.type not in ("reject", "purchase"):
            return
        for kind, key in ((_CUSTOMER, event.customer_id), (_SESSION, event.session_id)):
            if key is not None:
                _record(self._known.setdefault((kind, key), Shopper()), event)

    def forget(self, hashes: Collection[str]) -> None:
        """Forget customers by the hashes of their ids."""
        for kind, key in list(self._known):
            if kind == _CUSTOMER and customer_hash(key) in hashes:
                del self._known[kind, key]

    def find(self, customer_id: str | None, session_id: str | None = None) -> Shopper:
        """Return what is remembered of the customer and the session together."""
        customer = self._known.get((_CUSTOMER, customer_id)) if customer_id else None
        session = self._known.get((_SESSION, session_id)) if session_id else None
        if customer and session:
            return customer.merged(session)
        return customer or session or _NOBODY


def _record(shopper: Shopper, event: Event) -> None:
    if event.type == "purchase" and event.product_id is not None:
        key = event.order_id or event.event_id
        day = event.ts.toordinal() - _EPOCH
        shopper.purchases.setdefault(event.product_id, {})[key] = day
        return
    if event.product_id is not None:
        shopper.dismissed_products.add(event.product_id)
    if event.offer_id is not None:
        shopper.dismissed_offers.add(event.offer_id)
