"""Contact policy: consent, quiet hours, caps and rest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from serving.decisions.gates.gate_one import gate_one
from serving.decisions.gates.moment import Context
from serving.decisions.gates.stops import Stop
from serving.products.shoppers import Shoppers

NOW = datetime(2026, 6, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("customer", "channel", "stop"),
    [
        ("ada", "email", Stop.PASSED),
        ("ben", "email", Stop.NO_CONSENT),
        ("dan", "email", Stop.CONSENT_UNKNOWN),
        ("ada", "sms", Stop.PASSED),
        ("ben", "sms", Stop.NO_CONSENT),
        ("eve", "sms", Stop.CONSENT_UNKNOWN),  # no churn score
        ("ben", "web", Stop.PASSED),
    ],
)
def test_no_customer_without_consent_is_contacted(
    offer_shop: Any, customer: str, channel: str, stop: Stop
) -> None:
    assert offer_shop.stop(offer_shop.offer(), customer, channel) == stop


@pytest.mark.parametrize(
    ("hour", "stop"), [(5, Stop.QUIET_HOURS), (6, Stop.PASSED), (17, Stop.PASSED),
                       (18, Stop.QUIET_HOURS)]
)  # fmt: skip
def test_quiet_hours_are_in_the_policy_s_own_time_zone(
    offer_shop: Any, hour: int, stop: Stop
) -> None:
    assert offer_shop.stop(offer_shop.offer(), now=NOW.replace(hour=hour)) == stop
    inbound = offer_shop.stop(offer_shop.offer(), channel="web", now=NOW.replace(hour=hour))
    assert inbound == Stop.PASSED


@pytest.mark.parametrize(
    ("past", "channel", "stop"),
    [
        ([("x", "email", 1), ("x", "sms", 2)], "email", Stop.CUSTOMER_CAP_DAY),
        ([("x", "email", 1), ("x", "sms", 25)], "email", Stop.PASSED),
        ([("x", "email", 1), ("x", "web", 2), ("x", "web", 3)], "email", Stop.PASSED),
        ([("x", "sms", 160)], "sms", Stop.CHANNEL_CAP_WEEK),
        ([("x", "sms", 160)], "email", Stop.PASSED),
        ([("o", "web", 700), ("o", "email", 500)], "email", Stop.OFFER_CAP_MONTH),
        ([("o", "web", 700), ("o", "email", 500)], "web", Stop.OFFER_CAP_MONTH),
        ([("o", "web", 721), ("o", "email", 500)], "web", Stop.PASSED),
        ([("x", "email", 100), ("x", "email", 200), ("x", "email", 300)], "email", Stop.FATIGUE),
        ([("x", "email", 100), ("x", "email", 200), ("x", "email", 300)], "web", Stop.PASSED),
        ([("x", "email", 100), ("x", "email", 200), ("x", "email", 490)], "email", Stop.PASSED),
    ],
)
def test_contacts_are_counted(
    offer_shop: Any, past: list[tuple[str, str, float]], channel: str, stop: Stop
) -> None:
    offer = offer_shop.offer(caps={"month": 2})
    contacts = [offer_shop.sent(*contact) for contact in past]
    assert offer_shop.stop(offer, channel=channel, past=contacts) == stop


def test_an_answer_ends_fatigue(offer_shop: Any) -> None:
    past = [offer_shop.sent("x", "email", hours) for hours in (100, 200, 300)]
    for hours, stop in ((150, Stop.PASSED), (350, Stop.FATIGUE)):
        answered = NOW - timedelta(hours=hours)
        assert offer_shop.stop(offer_shop.offer(), past=past, answered=answered) == stop


def test_a_capped_offer_is_not_made_to_somebody_without_an_id(offer_shop: Any) -> None:
    offers = [
        offer_shop.offer(offer_id="capped", channels=[], caps={"day": 1}),
        offer_shop.offer(offer_id="free", channels=[]),
    ]
    book, _ = offer_shop.open(offers)
    stops = gate_one(book, {}, Context("web"), NOW, Shoppers().find(None), None)
    assert dict(zip([o.offer_id for o in book.offers], stops, strict=True)) == {
        "capped": Stop.NOBODY,
        "free": Stop.PASSED,
    }


def test_what_needs_no_reservation_costs_no_look_at_the_log(offer_shop: Any) -> None:
    offers = [
        offer_shop.offer(offer_id="free", channels=[]),
        offer_shop.offer(offer_id="capped", channels=[], caps={"day": 1}),
    ]
    book, _ = offer_shop.open(offers)
    capped, free = book.offers
    assert not book.needs_reservation(free, "web")
    assert book.needs_reservation(capped, "web")
    assert book.needs_reservation(free, "email")
