"""How often a customer may be contacted: caps and rest after contacts without a response.

Contacts are counted from the durable log in rolling windows: a day is the last 24 hours, so that
nobody is contacted once before and once after midnight.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from models.offers.declarations import Caps
from serving.decisions.gates.stops import Stop
from serving.decisions.offers import Offer, OfferBook

LONGEST_CAP_DAYS: Final = 30

_CUSTOMER_CAPS: Final = {
    1: Stop.CUSTOMER_CAP_DAY,
    7: Stop.CUSTOMER_CAP_WEEK,
    30: Stop.CUSTOMER_CAP_MONTH,
}
_CHANNEL_CAPS: Final = {
    1: Stop.CHANNEL_CAP_DAY,
    7: Stop.CHANNEL_CAP_WEEK,
    30: Stop.CHANNEL_CAP_MONTH,
}
_OFFER_CAPS: Final = {1: Stop.OFFER_CAP_DAY, 7: Stop.OFFER_CAP_WEEK, 30: Stop.OFFER_CAP_MONTH}


@dataclass(frozen=True, slots=True)
class Contact:
    """One offer made, or about to be, to one customer on one channel; ``ts`` has its zone."""

    contact_id: str
    customer_id: str
    offer_id: str
    channel: str
    ts: datetime
    decision_id: str | None = None


@dataclass(frozen=True, slots=True)
class ContactHistory:
    """Recent contacts with one customer, and when they last clicked, accepted or bought."""

    contacts: Sequence[Contact] = ()
    last_response: datetime | None = None


ContactHistories = Mapping[str, ContactHistory]
"""By customer id; customers who are not in it were not contacted."""

NO_CONTACTS: Final = ContactHistory()


class ContactLog(Protocol):
    """The durable log of contacts; shared by all who decide."""

    def history(
        self, customer_ids: Iterable[str] | None, since: datetime
    ) -> dict[str, ContactHistory]:
        """Return the contacts since a time with these customers, or with all."""
        ...

    def reserve(self, proposed: Sequence[Contact], book: OfferBook) -> list[Stop]:
        """Write each contact that the policy still allows; return for each what stopped it.

        ``Stop.PASSED`` means that the contact is durably written and may be made. No cap is ever
        exceeded, however many processes decide at the same time.
        """
        ...

    def release(self, contact_ids: Iterable[str]) -> int:
        """Delete contacts that were not made after all; return how many there were."""
        ...


def reach_back(book: OfferBook) -> timedelta:
    """Return how far back contacts must be known."""
    fatigue = book.policy.fatigue
    return timedelta(days=max(LONGEST_CAP_DAYS, fatigue.rest_days if fatigue else 0))


def customer_stop(book: OfferBook, channel: str, past: ContactHistory, now: datetime) -> Stop:
    """Return what keeps a customer from being contacted on a channel, whatever the offer.

    Fatigue and the caps over all channels apply to outbound channels only.
    """
    declared = book.channels[channel]
    if declared.outbound:
        outbound = [c.ts for c in past.contacts if _is_outbound(book, c.channel)]
        if _is_tired(book, outbound, past.last_response, now):
            return Stop.FATIGUE
        if stop := _reached(book.policy.caps, outbound, now, _CUSTOMER_CAPS):
            return stop
    if not declared.caps.limits:
        return Stop.PASSED
    same = [c.ts for c in past.contacts if c.channel == channel]
    return _reached(declared.caps, same, now, _CHANNEL_CAPS)


def offer_stop(offer: Offer, past: ContactHistory, now: datetime) -> Stop:
    """Return which of the offer's own caps, if any, the customer has reached."""
    if not offer.caps.limits:
        return Stop.PASSED
    same = [c.ts for c in past.contacts if c.offer_id == offer.offer_id]
    return _reached(offer.caps, same, now, _OFFER_CAPS)


def _is_outbound(book: OfferBook, channel: str) -> bool:
    # A contact on a channel that is no longer declared was made nevertheless.
    declared = book.channels.get(channel)
    return declared is None or declared.outbound


def _is_tired(
    book: OfferBook, contacts: Sequence[datetime], response: datetime | None, now: datetime
) -> bool:
    fatigue = book.policy.fatigue
    if fatigue is None:
        return False
    since = now - timedelta(days=fatigue.rest_days)
    unanswered = [ts for ts in contacts if ts > since and (response is None or ts > response)]
    return len(unanswered) >= fatigue.unanswered


def _reached(
    caps: Caps, times: Sequence[datetime], now: datetime, stops: Mapping[int, Stop]
) -> Stop:
    for days, most in caps.limits.items():
        since = now - timedelta(days=days)
        if sum(ts > since for ts in times) >= most:
            return stops[days]
    return Stop.PASSED
