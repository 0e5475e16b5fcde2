"""What a shopper just did changes the very next answer, and says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.catalogue import Catalogue
from serving.events import Event, EventType
from serving.lookups.name_index import NameIndex
from serving.products.recommend import Ask, Outcome, recommend
from serving.products.shoppers import (
    MAX_INTERESTED,
    MAX_INTERESTS,
    MAX_INTERESTS_EACH,
    VISIT_WINDOW,
    Interest,
    Shopper,
    Shoppers,
)

NOW = datetime(2026, 6, 2, 12, tzinfo=UTC)


def send(client: Any, *events: dict[str, Any]) -> None:
    sent = [{"customer_id": "ben"} | event for event in events]
    assert client.post("/v1/events", json={"events": sent}).json()["accepted"] == len(events)


def items(client: Any, customer: str = "ben", n: int = 4) -> dict[str, list[str]]:
    answer = client.get(f"/v1/customers/{customer}/recommendations?n={n}").json()
    return {item["product_id"]: [r["text"] for r in item["reasons"]] for item in answer["items"]}


def shown(outcome: Outcome) -> list[str]:
    return [item.product_id for item in outcome.items]


def interested(kind: str, what: str, hours_ago: float = 0.0) -> Shopper:
    return Shopper(interests={"e1": Interest(kind, what, NOW - timedelta(hours=hours_ago))})


def test_a_view_brings_the_product_and_what_is_like_it(client: Any) -> None:
    assert list(items(client)) == ["p0", "p7", "p6", "p3"]
    send(client, {"type": "view", "product_id": "p3"})
    found = items(client)
    assert list(found) == ["p0", "p7", "p3", "p5"]
    assert found["p3"] == ["you looked at this"]
    # The toaster is like the kettle, too, but retired.
    assert found["p5"] == ["because you looked at Kettle"]
    assert list(items(client, "cleo")) == ["p6", "p5", "p0", "p3"], "others see no difference"


def test_a_cart_addition_brings_what_completes_the_cart_and_is_not_shown_again(
    client: Any,
) -> None:
    send(client, {"type": "cart_add", "product_id": "p3"})
    found = items(client, n=8)
    assert "p3" not in found
    assert found["p5"] == ["bought together with Kettle in 25 % of baskets"]
    assert next(iter(found)) == "p0"


def test_a_search_brings_what_it_finds(client: Any) -> None:
    assert "p5" not in items(client)
    send(client, {"type": "search", "query": "MUGS for tea"})
    found = items(client, n=5)
    assert found["p5"] == [
        "found by what you searched for",
        "because your search found Tea",
    ]
    assert found["p6"][0] == "found by what you searched for"


def test_a_fresh_purchase_lowers_what_is_rarely_bought_again(client: Any) -> None:
    assert next(iter(items(client, "ada"))) == "p3"
    send(
        client,
        {
            "type": "purchase",
            "product_id": "p3",
            "customer_id": "ada",
            "ts": "2026-06-02T08:00:00Z",
        },
    )
    found = items(client, "ada", n=6)
    assert next(iter(found)) == "p0"
    assert list(found).index("p3") > list(found).index("p1")
    assert found["p3"] == ["you bought this on 2 June 2026"]
    assert found["p5"] == ["because you bought Kettle"]


def test_what_the_shopper_did_outlives_the_server_but_not_a_week(shop: Any) -> None:
    with shop.open() as client:
        send(client, {"type": "view", "product_id": "p3"})
        fresh = items(client)
    with shop.open() as client:
        assert items(client) == fresh
    later = shop.now() + VISIT_WINDOW + timedelta(hours=1)
    shop.now = lambda: later
    with shop.open() as client:
        assert list(items(client)) == ["p0", "p7", "p6", "p3"]


def test_an_anonymous_visit_is_served_by_what_it_looked_at(client: Any) -> None:
    view = {"type": "view", "customer_id": None, "session_id": "s1", "product_id": "p3"}
    send(client, view)
    body = {"session_id": "s1", "n": 2}
    answer = client.post("/v1/recommendations", json=body).json()
    assert [item["product_id"] for item in answer["items"]] == ["p3", "p5"]
    assert answer["fallback"] is None
    # Signed in, the visit's views join the customer's past.
    both = client.post("/v1/recommendations", json=body | {"customer_id": "ben", "n": 4}).json()
    assert [item["product_id"] for item in both["items"]] == ["p0", "p7", "p3", "p5"]


def test_a_visit_fades(tiny: Catalogue) -> None:
    def score(hours_ago: float) -> float:
        outcome = recommend(
            tiny, interested("view", "p3", hours_ago), Ask(n=8, customer_id="ben"), NOW
        )
        return next(item.score for item in outcome.items if item.product_id == "p3")

    # A view weighs 0.3 and halves in a day: its say is w / (w + 1).
    assert score(0) == pytest.approx(0.3 / 1.3, rel=1e-5)
    assert score(24) == pytest.approx(0.15 / 1.15, rel=1e-5)
    assert score(0) > score(24) > score(160) > 0


def test_what_was_bought_since_is_no_interest_any_more(tiny: Catalogue) -> None:
    shopper = interested("cart_add", "p3", hours_ago=20)
    ask = Ask(n=8, customer_id="ben")
    assert "p3" not in shown(recommend(tiny, shopper, ask, NOW)), "it lies in the cart"
    day = NOW.toordinal() - datetime(1970, 1, 1, tzinfo=UTC).toordinal()
    shopper.purchases["p3"] = {"o1": day}
    assert "p3" in shown(recommend(tiny, shopper, ask, NOW))
    assert "p3" in shown(recommend(tiny, interested("cart_add", "p3", 30), ask, NOW)), "left behind"


@pytest.mark.parametrize("customer", ["ben", None])
def test_an_interest_in_nothing_that_is_known_changes_nothing(
    tiny: Catalogue, customer: str | None
) -> None:
    ask = Ask(n=5, customer_id=customer)
    quiet = recommend(tiny, Shopper(), ask, NOW)
    for kind, what in (("view", "unheard of"), ("cart_add", "p-1"), ("search", "zzz ?!")):
        assert recommend(tiny, interested(kind, what), ask, NOW) == quiet


def test_the_latest_interests_are_remembered_once() -> None:
    shoppers = Shoppers()
    for number in range(MAX_INTERESTS_EACH + 10):
        event = Event(
            event_id=f"e{number}", type="view", customer_id="ada", product_id=f"p{number}",
            ts=NOW + timedelta(seconds=number),
        )  # fmt: skip
        shoppers.record(event)
        shoppers.record(event)
    kept = [interest.what for interest in shoppers.find("ada").interests.values()]
    assert kept == [f"p{number}" for number in range(10, MAX_INTERESTS_EACH + 10)]


@settings(deadline=None)
@given(st.permutations(range(MAX_INTERESTS_EACH + 6)), st.integers(0, 3))
def test_in_whatever_order_they_arrive_the_same_interests_are_remembered(
    told: list[int], at_a_time: int
) -> None:
    shoppers = Shoppers()
    for number in told:
        at = NOW + timedelta(seconds=number // (at_a_time + 1))
        event_id = f"e{number:03}"
        shoppers.record(
            Event(event_id=event_id, type="view", customer_id="ada", product_id="p", ts=at)
        )
    expected = [f"e{number:03}" for number in range(6, MAX_INTERESTS_EACH + 6)]
    assert list(shoppers.find("ada").interests) == expected


def record(shoppers: Shoppers, kind: EventType, session: int, number: int = 0) -> None:
    shoppers.record(
        Event.model_construct(
            event_id=f"{kind}{session}-{number}", type=kind, session_id=f"s{session}",
            customer_id=None, product_id="p0", offer_id=None, order_id=None, query=None, ts=NOW,
        )
    )  # fmt: skip


def test_memory_is_bounded_by_the_latest_shoppers() -> None:
    shoppers = Shoppers()
    record(shoppers, "reject", 0)
    for session in range(MAX_INTERESTED + 2):
        record(shoppers, "view", session)
    assert shoppers.find(None, "s0").interests == {}
    assert shoppers.find(None, "s0").dismissed_products == {"p0"}, "what was dismissed stays so"
    assert shoppers.find(None, "s1").is_blank
    assert shoppers.find(None, f"s{MAX_INTERESTED + 1}").interests


def test_memory_is_bounded_by_the_interests_of_all_shoppers_together() -> None:
    shoppers, many = Shoppers(), 10
    enough = MAX_INTERESTS // many
    for session in range(enough + 2):
        for number in range(many):
            record(shoppers, "view", session, number)
    counts = [len(shoppers.find(None, f"s{session}").interests) for session in range(enough + 2)]
    assert counts == [0, 0] + [many] * enough


def test_names_are_found_by_words_plurals_and_beginnings() -> None:
    index = NameIndex(["Red teapot", "Blue tea towel", None, "Red mug", "Café table"])
    found = {query: index.matching(query, 10)[0].tolist() for query in
             ("teapots", "RED mug", "tow", "to", "café", "nothing", "")}  # fmt: skip
    assert found == {
        "teapots": [0], "RED mug": [3, 0], "tow": [1], "to": [], "café": [4], "nothing": [],
        "": [],
    }  # fmt: skip
    products, shares = index.matching("red mug", 1)
    assert products.tolist() == [3]
    assert shares.tolist() == [1.0]
