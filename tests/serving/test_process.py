"""The server as a process of its own: it starts, answers, logs and stops."""

from __future__ import annotations

import json
import multiprocessing
import socket
import sqlite3
import time
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from serving.run import serve


def rows(shop: Any, query: str) -> list[Any]:
    with sqlite3.connect(shop.folder / "events.db") as connection:
        found = connection.execute(query).fetchall()
    connection.close()
    return found


def wait_until_ready(client: httpx.Client) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            assert client.get("/health/ready").status_code == 200
        except httpx.TransportError:
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.05)
        else:
            return


def test_every_worker_counts_an_event_in_its_very_next_answer(shop: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = multiprocessing.get_context("spawn").Process(
        target=serve,
        args=(shop.folder / "bundles", "127.0.0.1", port, shop.database_url),
        kwargs={"workers": 2, "access_log": False},
    )
    process.start()
    try:
        with ExitStack() as stack:
            # A connection stays with the worker that accepted it.
            clients = [
                stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{port}"))
                for _ in range(12)
            ]
            for client in clients:
                wait_until_ready(client)
            url = "/v1/customers/ada/recommendations?n=1"
            shown = []
            for number, sender in enumerate(clients[:3]):
                (best,) = {ids(client.get(url).json())[0] for client in clients}
                event = {"event_id": f"e{number}", "type": "reject", "customer_id": "ada"}
                body = {"events": [event | {"product_id": best}]}
                assert sender.post("/v1/events", json=body).json()["accepted"] == 1
                # On a starved machine an answer may come without the news, and then says so.
                answers = [client.get(url) for client in clients]
                whole = [answer for answer in answers if "degraded" not in answer.headers]
                assert whole
                assert all(ids(answer.json()) != [best] for answer in whole)
                shown.append(best)
            assert len(set(shown)) == 3
            event = {"event_id": "v", "type": "view", "customer_id": "ben", "product_id": "p3"}
            assert clients[3].post("/v1/events", json={"events": [event]}).json()["accepted"] == 1
            url = "/v1/customers/ben/recommendations?n=3"
            told = [client.get(url).json()["items"] for client in clients]
            assert all("p3" in str(items) for items in told)
            assert all("you looked at this" in str(items) for items in told)
            counted = clients[0].get("/metrics").text
        assert 'regulars_events_total{outcome="accepted"} 4.0' in counted
        process.terminate()
        process.join(20)
        assert process.exitcode == 0
    finally:
        process.kill()
        process.join()


def ids(answer: Any) -> list[str]:
    return [item["product_id"] for item in answer["items"]]


def test_what_it_acknowledged_is_on_disk_and_what_it_decided_is_there_when_it_stops(
    shop: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = multiprocessing.get_context("spawn").Process(
        target=serve, args=(shop.folder / "bundles", "127.0.0.1", port, shop.database_url)
    )
    process.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            wait_until_ready(client)
            event = {"event_id": "e1", "type": "reject", "customer_id": "ada", "product_id": "p3"}
            assert client.post("/v1/events", json={"events": [event]}).json()["accepted"] == 1
            assert rows(shop, "SELECT event_id FROM events") == [("e1",)]
            answer = client.get("/v1/customers/ada/recommendations?exclude=p0").json()
        assert [item["product_id"] for item in answer["items"]][:2] == ["p1", "p6"]
        process.terminate()
        process.join(20)
    finally:
        process.kill()
        process.join()
    assert rows(shop, "SELECT id FROM decisions") == [(answer["recommendation_id"],)]
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [line["route"] for line in lines] == [
        "/health/ready",
        "/v1/events",
        "/v1/customers/{customer_id}/recommendations",
    ]
    for line in lines:
        del line["request_id"]  # random: any short text may occur in it
    assert "ada" not in str(lines)
    assert "p0" not in str(lines)
