"""Offers on their way through the gates: where each stops, for one customer and for all."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.offers.declarations import Caps, Declaration
from serving.decisions.gates.contact_policy import ContactHistory
from serving.decisions.gates.gate import gate
from serving.decisions.gates.gate_one import gate_one
from serving.decisions.gates.moment import Context
from serving.decisions.gates.stops import Stop
from serving.events import Event
from serving.products.shoppers import Shoppers

NOW = datetime(2026, 6, 2, 12, tzinfo=UTC)


def events(*said: tuple[str, str, str]) -> Shoppers:
    """Shoppers who rejected: (customer, product or offer, which)."""
    made = [
        {"event_id": f"{n}", "type": "reject", "ts": NOW, "customer_id": who, kind: what}
        for n, (who, kind, what) in enumerate(said)
    ]
    return Shoppers(Event.model_validate(event) for event in made)


@pytest.mark.parametrize(
    ("offer", "stop"),
    [
        ({}, Stop.PASSED),
        ({"product_id": "p0"}, Stop.PASSED),
        ({"product_id": "p2"}, Stop.OUT_OF_STOCK),
        ({"product_id": "p4"}, Stop.RETIRED),
        ({"product_id": "p99"}, Stop.UNKNOWN_PRODUCT),
        ({"category": "home"}, Stop.PASSED),
        ({"category": "cars"}, Stop.NONE_SELLABLE),
        ({"eligible": "orders >= 12"}, Stop.PASSED),
        ({"eligible": "orders >= 13"}, Stop.NOT_ELIGIBLE),
        ({"eligible": 'country == "SE" and tier in ["top_25"]'}, Stop.PASSED),
        ({"eligible": "nps < 9"}, Stop.NOT_ELIGIBLE),
        ({"eligible": "points_balance > 0"}, Stop.ELIGIBILITY_UNKNOWN),  # the shop has no points
        ({"eligible": "email_consent"}, Stop.PASSED),
        ({"starts_on": date(2026, 6, 3)}, Stop.NOT_YET),
        ({"starts_on": date(2026, 6, 2), "ends_on": date(2026, 6, 3)}, Stop.PASSED),
        ({"ends_on": date(2026, 6, 2)}, Stop.ENDED),
        ({"channels": ["web"]}, Stop.OTHER_CHANNEL),
        ({"channels": []}, Stop.OTHER_CHANNEL),  # inbound channels only
        ({"placements": ["home"]}, Stop.PASSED),  # the request names none
        ({"applicable": 'stage == "lost"'}, Stop.NOT_APPLICABLE),
        ({"applicable": "context.cart_value > 3"}, Stop.APPLICABILITY_UNKNOWN),
        ({"applicable": "context.today == 2026-06-02 and context.hour == 14"}, Stop.PASSED),
        ({"applicable": 'context.weekday == "tuesday"'}, Stop.PASSED),
        ({"suitable": "clv_predicted > 200"}, Stop.NOT_SUITABLE),
        ({"suitable": "nps / (orders - 12) > 0"}, Stop.SUITABILITY_UNKNOWN),
    ],
)
def test_an_offer_stops_at_its_first_obstacle(
    offer_shop: Any, offer: dict[str, Any], stop: Stop
) -> None:
    assert offer_shop.stop(offer_shop.offer(**offer)) == stop


def test_obstacles_come_in_the_order_of_the_gates(offer_shop: Any) -> None:
    everything = {
        "product_id": "p2",
        "eligible": "orders > 99",
        "ends_on": date(2026, 1, 1),
        "applicable": "orders > 99",
        "suitable": "orders > 99",
        "channels": ["email"],
        "caps": {"day": 1},
    }
    stops = []
    late = {"past": [offer_shop.sent("o", "email", 1)], "now": NOW.replace(hour=23)}
    for gone in (None, *everything):
        everything.pop(gone or "", None)
        stops.append(offer_shop.stop(offer_shop.offer(**everything), "ben", **late))
    assert stops == [
        Stop.OUT_OF_STOCK,
        Stop.NOT_ELIGIBLE,
        Stop.ENDED,
        Stop.NOT_APPLICABLE,
        Stop.NOT_SUITABLE,
        Stop.NO_CONSENT,
        Stop.NO_CONSENT,
        Stop.NO_CONSENT,
    ]
    with_caps = offer_shop.offer(caps={"day": 1})
    assert offer_shop.stop(with_caps, **late) == Stop.QUIET_HOURS
    assert offer_shop.stop(with_caps, **{**late, "now": NOW}) == Stop.OFFER_CAP_DAY


def test_nothing_is_offered_on_an_undeclared_channel(offer_shop: Any) -> None:
    for channels in ([], ["web"]):
        offer = offer_shop.offer(channels=channels)
        assert offer_shop.stop(offer, channel="web") == Stop.PASSED
        assert offer_shop.stop(offer, channel="pigeon") == Stop.OTHER_CHANNEL


def test_a_day_begins_at_the_policy_s_midnight(offer_shop: Any) -> None:
    tomorrow = offer_shop.offer(starts_on=date(2026, 6, 3))
    evening = NOW.replace(hour=22)  # midnight in Berlin
    before = evening - timedelta(minutes=1)
    assert offer_shop.stop(tomorrow, channel="web", now=before) == Stop.NOT_YET
    assert offer_shop.stop(tomorrow, channel="web", now=evening) == Stop.PASSED


@pytest.mark.parametrize(
    ("rejected", "offer", "stop"),
    [
        (("ada", "offer_id", "o"), {}, Stop.OFFER_DISMISSED),
        (("ada", "product_id", "p0"), {"product_id": "p0"}, Stop.PRODUCT_DISMISSED),
        (("ada", "product_id", "p0"), {}, Stop.PASSED),
        (("ben", "offer_id", "o"), {}, Stop.PASSED),
        (("ada", "offer_id", "o"), {"eligible": "orders > 99"}, Stop.OFFER_DISMISSED),
    ],
)
def test_what_was_rejected_is_not_offered_again(
    offer_shop: Any, rejected: tuple[str, str, str], offer: dict[str, Any], stop: Stop
) -> None:
    shoppers = events(rejected)
    assert offer_shop.stop(offer_shop.offer(**offer), shoppers=shoppers) == stop


@pytest.mark.parametrize(
    ("said", "holds"),
    [
        ({"cart_value": 31, "member": True, "city": "Oslo", "since": "2026-01-01"}, True),
        ({"cart_value": 29.5, "member": True, "city": "Oslo", "since": "2026-01-01"}, False),
        ({"cart_value": "31", "member": True, "city": "Oslo", "since": "2026-01-01"}, None),
        ({"cart_value": True, "member": True, "city": "Oslo", "since": "2026-01-01"}, None),
        ({"cart_value": 31, "member": 1, "city": "Oslo", "since": "2026-01-01"}, None),
        ({"cart_value": 31, "member": True, "city": 7, "since": "2026-01-01"}, None),
        ({"cart_value": 31, "member": True, "city": "Oslo", "since": "new year"}, None),
        ({}, None),
    ],
)
def test_what_a_request_says_counts_where_it_is_of_the_declared_kind(
    offer_shop: Any, said: dict[str, Any], holds: bool | None
) -> None:
    rule = 'context.cart_value > 30 and context.member and context.city == "Oslo"'
    offer = offer_shop.offer(applicable=f"{rule} and context.since < 2026-06-01")
    stop = {True: Stop.PASSED, False: Stop.NOT_APPLICABLE, None: Stop.APPLICABILITY_UNKNOWN}
    assert offer_shop.stop(offer, channel="web", said=said) == stop[holds]


RULES = st.sampled_from(
    [
        None,
        "orders >= 4",
        "nps > 8 or orders < 3",
        'tier in ["rest", "top_25"] and not (churn_probability > 0.6)',
        'country == "SE"',
        "country is missing or email_consent",
        'context.channel == "web" or context.cart_value > 3',
        'context.placement == "home"',
        "2 > 1",
    ]
)
OFFERS = st.builds(
    Declaration,
    offer_id=st.sampled_from("abcdef"),
    name=st.just("An offer"),
    product_id=st.sampled_from([None, "p0", "p2", "p99"]),
    starts_on=st.sampled_from([None, date(2026, 6, 2), date(2026, 6, 3)]),
    channels=st.lists(st.sampled_from(["web", "email", "sms"]), unique=True).map(tuple),
    placements=st.sampled_from([(), ("home",), ("cart",)]),
    eligible=RULES,
    applicable=RULES,
    suitable=RULES,
    caps=st.builds(Caps, day=st.sampled_from([None, 1]), month=st.sampled_from([None, 2])),
)
PAST = st.lists(
    st.tuples(
        st.sampled_from("abcdef"),
        st.sampled_from(["web", "email", "sms"]),
        st.sampled_from([0.5, 20.0, 100.0, 500.0]),
    ),
    max_size=4,
)


@settings(max_examples=60)
@given(
    offers=st.lists(OFFERS, min_size=1, max_size=4, unique_by=lambda offer: offer.offer_id),
    channel=st.sampled_from(["web", "email", "sms", "pigeon"]),
    placement=st.sampled_from([None, "home", "cart"]),
    cart_value=st.sampled_from([None, 2.0, 4.0]),
    hour=st.sampled_from([5, 12]),
    rejected=st.lists(st.sampled_from(["a", "b", "p0"]), max_size=2),
    past=st.dictionaries(
        st.sampled_from(["ada", "ben", "cleo", "dan", "eve", "änne"]), PAST, max_size=4
    ),
)
def test_all_customers_at_once_are_gated_as_each_alone(
    offer_shop: Any,
    offers: list[Declaration],
    channel: str,
    placement: str | None,
    cart_value: float | None,
    hour: int,
    rejected: list[str],
    past: dict[str, list[tuple[str, str, float]]],
) -> None:
    book, customers = offer_shop.open(offers)
    context = Context(channel, placement, {"cart_value": cart_value})
    now = NOW.replace(hour=hour)
    kinds = [(who, "product_id" if what == "p0" else "offer_id", what)
             for who in ("ada", "cleo") for what in rejected]  # fmt: skip
    shoppers = events(*kinds)
    history = {
        who: ContactHistory([offer_shop.sent(*contact) for contact in made])
        for who, made in past.items()
    }
    together = gate(book, customers, context, now, shoppers, history)
    alone = [
        gate_one(book, customers.row(place), context, now, shoppers.find(who),
                 history.get(who, ContactHistory()))
        for place, who in enumerate(customers.customer_ids)
    ]  # fmt: skip
    assert together.stops.tolist() == alone
    # A part of the customers is gated as it is among all.
    part = gate(book, customers.part(2, 5), context, now, shoppers, history)
    assert part.stops.tolist() == alone[2:5]
