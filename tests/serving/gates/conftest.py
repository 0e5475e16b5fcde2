"""A small shop whose offers are put through the gates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pyarrow as pa
import pytest

from models.bundle.folder import Bundle
from models.offers.bundling import with_offers
from models.offers.declarations import Caps, Channel, Declaration, Declarations, Fatigue, Policy
from serving.decisions.gates.contact_policy import Contact, ContactHistory
from serving.decisions.gates.customer_columns import CustomerColumns, open_customer_columns
from serving.decisions.gates.gate_one import gate_one
from serving.decisions.gates.moment import Context
from serving.decisions.gates.stops import Stop
from serving.decisions.offers import OfferBook, open_offer_book
from serving.products.shoppers import Shoppers

NOW = datetime(2026, 6, 2, 12, tzinfo=UTC)
CONSENT = {"ada": True, "ben": False, "cleo": True, "dan": None, "eve": True, "änne": True}
POLICY = Policy(
    time_zone="Europe/Berlin",  # two hours before UTC in June
    caps=Caps(day=2),
    fatigue=Fatigue(unanswered=3, rest_days=20),
    context={"cart_value": "number", "member": "boolean", "city": "text", "since": "date"},
    channels={
        "email": Channel(consent="email_consent", quiet_hours=(time(20), time(8))),
        "sms": Channel(consent="churn_probability < 0.5", caps=Caps(week=1)),
    },
)


@dataclass(frozen=True)
class OfferShop:
    """Puts offers through the gates; by default for ada, who may be written to, by e-mail."""

    bundle: Bundle
    policy: Policy = POLICY
    now: datetime = NOW

    def offer(self, **said: Any) -> Declaration:
        """Declare an offer for every channel, unless something else is said."""
        usual = {"offer_id": "o", "name": "An offer", "channels": ["email", "sms", "web"]}
        return Declaration(**{**usual, **said})

    def sent(self, offer: str, channel: str, hours_ago: float) -> Contact:
        ts = self.now - timedelta(hours=hours_ago)
        return Contact(f"{offer}{channel}{hours_ago}", "ada", offer, channel, ts)

    def open(self, offers: Sequence[Declaration]) -> tuple[OfferBook, CustomerColumns]:
        """Return the book as it comes out of a bundle, and the customers' columns."""
        empty = replace(self.bundle, offers=self.bundle.offers.slice(0, 0))
        declared = Declarations(policy=self.policy, offers=tuple(offers))
        made = with_offers(empty, declared, self.now)
        book = open_offer_book(made)
        return book, open_customer_columns(made, book.names)

    def stop(
        self,
        offer: Declaration,
        customer: str = "ada",
        channel: str = "email",
        *,
        said: dict[str, Any] | None = None,
        now: datetime | None = None,
        shoppers: Shoppers | None = None,
        past: Sequence[Contact] = (),
        answered: datetime | None = None,
    ) -> Stop:
        """Return where one offer stops for one customer."""
        book, customers = self.open([offer])
        row = customers.row(customers.customer_ids.index(customer))
        context = Context(channel, values=said or {})
        shopper = (shoppers or Shoppers()).find(customer)
        contacted = ContactHistory(past, answered)
        (stop,) = gate_one(book, row, context, now or self.now, shopper, contacted)
        return stop


@pytest.fixture(scope="session")
def offer_shop(
    tiny_bundle: Callable[[], Bundle], bundle_of: Callable[[Bundle], Bundle]
) -> OfferShop:
    """The small bundle, with what each customer said about e-mail and where they live."""
    made = tiny_bundle()
    consent = pa.array(list(CONSENT.values()), pa.bool_())
    country = pa.array(["SE", "NO", None, "SE", "SE", "NO"], pa.large_string())
    bundle = bundle_of(
        replace(
            made,
            customers=made.customers.append_column("email_consent", consent),
            vectors=made.vectors.append_column("country", country),
        )
    )
    return OfferShop(bundle)
