"""Bundles are swapped and rolled back under traffic, and no request notices."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from models.bundle.manifest import activate

CALLS: list[tuple[str, str, Any]] = [
    ("GET", "/v1/customers/ada/recommendations?n=3", None),
    ("GET", "/v1/customers/ada", None),
    ("GET", "/v1/churn?limit=2", None),
    ("POST", "/v1/recommendations", {"customers": ["ada", "ben", "nobody"], "n": 2}),
    ("POST", "/v1/cross-sell", {"items": ["p0"], "n": 2}),
    ("POST", "/v1/next-best-offer", {"customer_id": "ada"}),
]


def versions(answer: Any) -> set[str]:
    """Return which bundles an answer was made of."""
    parts = answer.get("results", [answer])
    return {part["model_version"] for part in parts}


def call_until(stopped: threading.Event, client: Any, worker: int) -> tuple[list[Any], list[str]]:
    """Call and post events until stopped; return what came back and which events were taken."""
    answers, taken = [], []
    while not stopped.is_set():
        for method, url, body in CALLS:
            answers.append(client.request(method, url, json=body))
        event_id = f"e{worker}-{len(taken)}"
        event = {"event_id": event_id, "type": "view", "customer_id": "ada", "product_id": "p0"}
        receipt = client.post("/v1/events", json={"events": [event]})
        if receipt.status_code == 200 and receipt.json()["accepted"] == 1:
            taken.append(event_id)
        answers.append(receipt)
    return answers, taken


def test_swaps_and_rollbacks_under_traffic_fail_no_request(client: Any, shop: Any) -> None:
    shop.publish("v2")
    root, stopped = shop.folder / "bundles", threading.Event()
    with ThreadPoolExecutor(4) as pool:
        calling = [pool.submit(call_until, stopped, client, worker) for worker in range(3)]
        for version in ("v2", "v1", "v2", "v1"):
            activate(root, version)
            swapped = client.post("/v1/models/reload")
            assert swapped.status_code == 200
            assert swapped.json()["model_version"] == version
            answer = client.get("/v1/customers/ada/recommendations?n=1").json()
            assert answer["model_version"] == version, "the very next answer is of the new one"
        stopped.set()
        done = [each.result() for each in calling]
    responses = [response for answers, _ in done for response in answers]
    assert {response.status_code for response in responses} == {200}
    answers = [response.json() for response in responses]
    made = [versions(answer) for answer in answers if "accepted" not in answer]
    assert all(len(each) == 1 for each in made), "no answer is made of two bundles"
    assert set().union(*made) == {"v1", "v2"}
    for _, taken in done:
        again = [
            {"event_id": each, "type": "view", "customer_id": "ada", "product_id": "p0"}
            for each in taken
        ]
        receipt = client.post("/v1/events", json={"events": again}).json()
        assert receipt["duplicates"] == len(taken), "every acknowledged event is there"


def until(said: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not said():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)


def test_a_bundle_that_is_activated_is_served_without_anybody_asking(
    client: Any, shop: Any
) -> None:
    def served() -> str:
        version: str = client.get("/health/ready").json()["model_version"]
        return version

    shop.publish("v2")
    until(lambda: served() == "v2")
    activate(shop.folder / "bundles", "v1")
    until(lambda: served() == "v1")


def test_a_damaged_bundle_is_reported_to_operators_until_another_is_served(
    client: Any, shop: Any
) -> None:
    def told() -> list[str]:
        parts: list[str] = client.get("/health/ready").json()["degraded"]
        return parts

    shop.publish("v2")
    activate(shop.folder / "bundles", "v1")
    assert client.post("/v1/models/reload").json()["model_version"] == "v1"
    (shop.folder / "bundles" / "v2" / "customers.arrow").write_bytes(b"damaged")
    activate(shop.folder / "bundles", "v2")
    until(lambda: told() == ["bundle"])
    assert "regulars_bundle_refused 1.0" in client.get("/metrics").text
    assert client.get("/v1/customers/ada").json()["model_version"] == "v1"
    shop.publish("v3")
    until(lambda: told() == [])
    assert "regulars_bundle_refused 0.0" in client.get("/metrics").text
