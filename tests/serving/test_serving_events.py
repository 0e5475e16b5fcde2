"""Events: stored once and durably, and seen by the very next answer."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest


def reject(event_id: str | None = None, **fields: Any) -> dict[str, Any]:
    event = {"type": "reject", "customer_id": "ada", "product_id": "p3"} | fields
    return event if event_id is None else event | {"event_id": event_id}


def send(client: Any, *events: Any) -> Any:
    return client.post("/v1/events", json={"events": list(events)})


def shown(client: Any, customer: str = "ada", query: str = "") -> list[str]:
    answer = client.get(f"/v1/customers/{customer}/recommendations?n=6{query}").json()
    return [item["product_id"] for item in answer["items"]]


def stored(shop: Any, columns: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(shop.folder / "events.db") as connection:
        rows = connection.execute(f"SELECT {columns} FROM events ORDER BY event_id").fetchall()
    connection.close()
    return rows


def test_a_dismissed_product_is_gone_from_the_next_answer_on_every_path(client: Any) -> None:
    assert shown(client)[0] == "p3"
    assert send(client, reject("e1")).json()["accepted"] == 1
    assert "p3" not in shown(client)
    cart = {"items": ["p0"], "customer_id": "ada", "n": 20}
    assert "p3" not in client.post("/v1/cross-sell", json=cart).text
    page = client.get("/v1/products/p0/cross-sell?customer_id=ada&n=20")
    assert "p3" not in page.text
    assert '"p3"' not in client.get("/v1/customers/ada/next-best-offer?n=20").text
    batch = client.post("/v1/recommendations", json={"customers": ["ada"], "n": 20})
    assert '"p3"' not in batch.text
    assert shown(client, "nobody")[2] == "p3", "only ada dismissed it"


def test_a_dismissed_offer_is_gone_too(client: Any) -> None:
    assert "o-home" in client.get("/v1/customers/ada/next-best-offer?n=20").text
    send(client, reject("e1", product_id=None, offer_id="o-home"))
    assert "o-home" not in client.get("/v1/customers/ada/next-best-offer?n=20").text


def test_an_anonymous_visit_sees_its_own_dismissals(client: Any) -> None:
    send(client, {"type": "reject", "session_id": "s1", "product_id": "p6"})
    body = {"session_id": "s1", "n": 8}
    assert '"p6"' not in client.post("/v1/recommendations", json=body).text
    assert '"p6"' in client.post("/v1/recommendations", json=body | {"session_id": "s2"}).text
    # Signed in, the visit's dismissals join the customer's own.
    send(client, reject("e2", customer_id="ben", product_id="p5"))
    both = client.post("/v1/recommendations", json=body | {"customer_id": "ben"}).text
    assert '"p6"' not in both
    assert '"p5"' not in both


def test_dismissals_outlive_the_server(shop: Any) -> None:
    with shop.open() as client:
        send(client, reject("e1"))
    with shop.open() as client:
        assert "p3" not in shown(client)
        assert send(client, reject("e1")).json()["duplicates"] == 1


def test_a_live_purchase_counts_as_bought(client: Any) -> None:
    bought = {"type": "purchase", "customer_id": "ada", "ts": "2026-06-01T18:00:00+02:00"}
    before = {**bought, "ts": "2026-05-31T23:59:59Z", "product_id": "p1", "order_id": "late"}
    lines = [{**bought, "product_id": p, "order_id": "o9"} for p in ("p0", "p3", "p3")]
    assert send(client, before, *lines).json()["accepted"] == 4
    answer = client.get("/v1/customers/ada/recommendations?n=6").json()
    texts = {item["product_id"]: item["reasons"][0]["text"] for item in answer["items"]}
    assert {id_: texts[id_] for id_ in ("p0", "p3", "p1")} == {
        "p0": "you buy this about every 30 days; last on 1 June 2026",
        "p3": "you bought this on 1 June 2026",
        # Dated before as_of, but received when the bundle was there already.
        "p1": "you bought this 2 times, last on 31 May 2026",
    }
    assert shown(client, query="&include_bought=false") == ["p5", "p6", "p7"]
    assert client.get("/v1/customers/ada").json()["history"][0] == {
        "product_id": "p0",
        "product_name": "Bread",
        "times": 5,
        "last_on": "2026-06-01",
    }


def test_a_purchase_of_before_as_of_counts_until_a_bundle_made_after_it_is_served(
    shop: Any,
) -> None:
    received = shop.now() + timedelta(hours=1)
    shop.now = lambda: received
    who = {"type": "purchase", "customer_id": "cleo", "event_id": "e1"}
    late = who | {"product_id": "p6", "ts": "2026-05-31T12:00:00Z"}
    without = "&include_bought=false"
    with shop.open() as client:
        assert "p6" in shown(client, "cleo", without)
        send(client, late)
        assert "p6" not in shown(client, "cleo", without)
    with shop.open() as client:
        assert "p6" not in shown(client, "cleo", without), "the store gives it back"
        shop.publish("v2", created_at=received + timedelta(hours=1))
        client.post("/v1/models/reload")
        assert "p6" in shown(client, "cleo", without), "the bundle says what it knows"
        assert send(client, late).json()["duplicates"] == 1
        assert "p6" in shown(client, "cleo", without), "a repetition is not news"


def test_delivering_twice_changes_nothing(client: Any, shop: Any) -> None:
    first = send(client, reject("e1"), reject("e2", product_id="p0"))
    assert first.json() == {
        "accepted": 2,
        "duplicates": 0,
        "event_ids": ["e1", "e2"],
        "rejected": [],
    }
    again = send(client, reject("e2", product_id="p0"), reject("e3"), reject("e3"))
    assert again.json()["accepted"] == 1
    assert again.json()["duplicates"] == 2
    assert stored(shop, "event_id, product_id") == [("e1", "p3"), ("e2", "p0"), ("e3", "p3")]


def test_a_missing_id_or_time_is_supplied_and_returned(client: Any, shop: Any) -> None:
    receipt = send(client, reject(), reject()).json()
    assert receipt["accepted"] == 2
    assert len(set(receipt["event_ids"])) == 2
    assert sorted(receipt["event_ids"]) == [event_id for (event_id,) in stored(shop, "event_id")]
    assert set(stored(shop, "ts")) == {("2026-06-02 12:00:00.000000",)}


def test_times_are_kept_in_utc(client: Any, shop: Any) -> None:
    send(client, reject("e1", ts="2026-06-02T01:30:00+02:00"))
    assert stored(shop, "ts") == [("2026-06-01 23:30:00.000000",)]


BAD: list[tuple[Any, str]] = [
    ("not an object", "valid dictionary"),
    ({"type": "wave", "customer_id": "a"}, "type: Input should be"),
    (reject(customer_id=None), "give customer_id or session_id"),
    (reject(product_id=None), "a reject event needs product_id or offer_id"),
    ({"type": "search", "customer_id": "a"}, "a search event needs query"),
    ({"type": "view", "customer_id": "a", "offer_id": "o1"}, "a view event needs product_id"),
    ({"type": "click", "customer_id": "a"}, "a click event needs product_id"),
    ({"type": "survey", "customer_id": "a", "survey": "nps"}, "needs score"),
    (reject(ts="2026-06-02T10:00:00"), "ts: Input should have timezone info"),
    (reject(ts="2026-06-03T12:00:01Z"), "ts: lies in the future"),
    (reject(colour="red"), "colour: Extra inputs are not permitted"),
    (reject(ts="0001-01-01T00:00:00+14:00"), "ts: lies outside the calendar"),
    (reject(ts="9999-12-31T23:59:59-14:00"), "ts: lies outside the calendar"),
    (reject(quantity=0), "quantity: Input should be greater than 0"),
    (reject(customer_id="x" * 201), "customer_id: String should have at most"),
]


@pytest.mark.parametrize(("event", "detail"), BAD)
def test_the_good_events_of_a_batch_are_stored_and_the_bad_named(
    client: Any, shop: Any, event: Any, detail: str
) -> None:
    response = send(client, reject("e1"), event, reject("e2"))
    assert response.status_code == 200
    receipt = response.json()
    assert receipt["accepted"] == 2
    assert receipt["event_ids"] == ["e1", None, "e2"]
    ((rejected),) = receipt["rejected"]
    assert rejected["index"] == 1
    assert detail in rejected["detail"]
    assert stored(shop, "event_id") == [("e1",), ("e2",)]


def test_a_batch_without_a_good_event_is_an_error(client: Any, shop: Any) -> None:
    response = send(client, reject(ts="tomorrow", customer_id="secret-name"), {})
    assert response.status_code == 422
    assert [error["path"] for error in response.json()["errors"]] == [
        "body.events.0",
        "body.events.1",
    ]
    assert "secret-name" not in response.text
    assert stored(shop, "event_id") == []


@pytest.mark.parametrize(("count", "status"), [(0, 422), (1, 200), (1_000, 200), (1_001, 422)])
def test_a_batch_holds_up_to_a_thousand(client: Any, count: int, status: int) -> None:
    assert send(client, *[reject() for _ in range(count)]).status_code == status


def test_each_type_has_a_form_that_is_accepted(client: Any) -> None:
    who = {"customer_id": "ada"}
    product = {"product_id": "p1"}
    events = [
        *({"type": kind} | product for kind in ("view", "cart_add", "purchase", "return")),
        {"type": "search", "query": "tea pot"},
        *({"type": kind, "recommendation_id": "r1"} for kind in ("impression", "click")),
        *({"type": kind, "decision_id": "d1"} for kind in ("impression", "click")),
        *({"type": kind, "offer_id": "o-home"} for kind in ("accept", "reject")),
        {"type": "survey", "survey": "nps", "score": 9},
    ]
    receipt = send(client, *(event | who for event in events)).json()
    assert receipt["accepted"] == 12
    assert receipt["rejected"] == []


def test_an_event_may_run_a_day_ahead_of_the_clock(client: Any, shop: Any) -> None:
    ahead = (shop.now() + timedelta(days=1)).isoformat()
    assert send(client, reject("e1", ts=ahead)).json()["accepted"] == 1


def test_events_survive_on_disk_with_full_synchronisation(client: Any, shop: Any) -> None:
    send(client, reject("e1"))
    assert Path(shop.folder / "events.db").exists()
    assert stored(shop, "event_type, customer_id, batch_id IS NOT NULL") == [("reject", "ada", 1)]
