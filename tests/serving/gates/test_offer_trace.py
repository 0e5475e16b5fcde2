"""Why not X? And how offers travel to where they are decided on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from models.bundle.folder import Bundle
from models.offers.bundling import with_offers
from models.offers.declarations import Caps, Declarations
from serving.decisions.gates.contact_policy import ContactHistory
from serving.decisions.gates.gate_one import gate_one
from serving.decisions.gates.moment import Context
from serving.decisions.gates.stops import Stop
from serving.decisions.offers import open_offer_book
from serving.decisions.traces.gate_trace import arbitrated, trace
from serving.products.shoppers import Shoppers

NOW = datetime(2026, 6, 2, 12, tzinfo=UTC)


def test_the_trace_says_why_not(offer_shop: Any) -> None:
    offers = [
        offer_shop.offer(offer_id="a", product_id="p2", channels=["email"]),
        offer_shop.offer(offer_id="b", eligible="orders >= 20 and nps > 8", channels=["email"]),
        offer_shop.offer(offer_id="c", suitable="points_balance > 5", channels=["email"]),
        offer_shop.offer(offer_id="d", channels=["web", "sms"]),
        offer_shop.offer(offer_id="e", channels=["email"], caps={"month": 2}),
        offer_shop.offer(offer_id="f", channels=["email"]),
    ]
    book, customers = offer_shop.open(offers)
    row, context = customers.row(0), Context("email")
    past = ContactHistory([offer_shop.sent("e", "email", 200), offer_shop.sent("e", "web", 300)])
    stops = gate_one(book, row, context, NOW, Shoppers().find("ada"), past)
    entries = trace(book, stops, row, context, NOW)
    assert [(e.offer_id, e.gate, e.code, e.reason) for e in entries] == [
        ("a", "eligible", "out_of_stock", "product p2 is out of stock"),
        ("b", "eligible", "not_eligible", "orders >= 20 does not hold: orders is 12"),
        (
            "c",
            "suitable",
            "suitability_unknown",
            "points_balance > 5 is unknown: points_balance is missing",
        ),
        ("d", "applicable", "other_channel", "it is not made by email: only by web, sms"),
        (
            "e",
            "contact_policy",
            "offer_cap_month",
            "the customer was made this offer 2 times within 30 days",
        ),
        ("f", "arbitration", "passed", "passed every gate"),
    ]
    assert entries[1].rule == "orders >= 20 and nps > 8"
    won = arbitrated(entries[5], "best", "worth most", 1.5, made=True)
    assert (won.made, won.offer_value, won.gate) == (True, 1.5, "arbitration")


@pytest.mark.parametrize("stop", list(Stop))
def test_every_stop_has_words(offer_shop: Any, stop: Stop) -> None:
    rules = dict.fromkeys(("eligible", "applicable", "suitable"), "orders > 20")
    book, customers = offer_shop.open([offer_shop.offer(**rules)])
    (entry,) = trace(book, [stop], customers.row(0), Context("email"), NOW)
    assert entry.reason
    assert "{" not in entry.reason


def test_offers_travel_in_the_bundle_whole(
    offer_shop: Any, bundle_of: Callable[[Bundle], Bundle]
) -> None:
    offers = (
        offer_shop.offer(offer_id="o-kettle", product_id="p3", points=50, eligible="orders > 1",
                 caps={"week": 1}, budget=10, weight=2.0),
        offer_shop.offer(offer_id="z", category="home", starts_on=date(2026, 6, 1)),
    )  # fmt: skip
    policy = offer_shop.policy.model_copy(update={"point_value": 0.02, "redemption_rate": 0.5})
    book = open_offer_book(bundle_of(with_offers(offer_shop.bundle, Declarations(
        policy=policy, offers=offers), NOW)))  # fmt: skip
    assert book.policy == policy
    found = {offer.offer_id: offer for offer in book.offers}
    # The table's offers stay, but for the one that is declared anew.
    assert list(found) == ["o-ended", "o-home", "o-kettle", "o-tea", "z"]
    kettle = found["o-kettle"]
    assert (str(kettle.eligible), kettle.caps, kettle.budget) == ("orders > 1", Caps(week=1), 10)
    assert kettle.weight == 2
    assert book.point_liability(kettle) == pytest.approx(50 * 0.02 * 0.5)
    assert (found["o-home"].discount_rate, found["o-home"].eligible) == (0.1, None)
    assert found["o-ended"].ends_on == date(2026, 6, 2)


def test_offers_applied_again_take_the_place_of_those_before(offer_shop: Any) -> None:
    first = with_offers(
        offer_shop.bundle, Declarations(offers=(offer_shop.offer(offer_id="a", channels=[]),)), NOW
    )
    second = with_offers(
        first,
        Declarations(offers=(offer_shop.offer(offer_id="b", channels=[]),)),
        NOW + timedelta(seconds=1),
    )
    ids = [offer.offer_id for offer in open_offer_book(second).offers]
    assert ids == ["b", "o-ended", "o-home", "o-kettle", "o-tea"]
    assert second.manifest.version == "v1-offers-20260602T120001"
