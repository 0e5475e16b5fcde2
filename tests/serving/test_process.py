"""The server as a process of its own: it starts, answers, logs and stops."""

from __future__ import annotations

import json
import multiprocessing
import socket
import sqlite3
import time
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
    deadline = time.monotonic() + 30
    while True:
        try:
            assert client.get("/health/ready").status_code == 200
        except httpx.TransportError:
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.05)
        else:
            return


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
