"""Every error is a problem that says what to do and tells nothing of the inside."""

from __future__ import annotations

import asyncio
import json
import logging
from threading import Event
from typing import Any

import pytest
from pydantic import TypeAdapter

from serving.http.middleware import Observe
from serving.http.problems import ProblemAnswer


def assert_problem(response: Any, status: int) -> ProblemAnswer:
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    problem = TypeAdapter(ProblemAnswer).validate_json(response.content)
    assert problem.status == status
    assert problem.detail
    assert problem.instance == f"urn:regulars:request:{response.headers['x-request-id']}"
    return problem


def test_an_unknown_address_and_a_wrong_method_are_problems(reader: Any) -> None:
    assert "/docs" in assert_problem(reader.get("/v2/nothing"), 404).detail
    response = reader.request("DELETE", "/v1/events")
    assert_problem(response, 405)
    assert response.headers["allow"] == "POST"


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/customers/ada/recommendations?n=101", "query.n"),
        ("/v1/customers/ada/recommendations?scenario=moon", "query.scenario"),
        ("/v1/customers/ada/recommendations?diversity=1.5", "query.diversity"),
        ("/v1/customers/ada/recommendations?surprise=1", "query.surprise"),
        ("/v1/products/p0/cross-sell?n=x", "query.n"),
        ("/v1/customers/ada/next-best-offer?n=21", "query.n"),
        ("/v1/churn?min_probability=2", "query.min_probability"),
        ("/v1/churn?sort=name", "query.sort"),
        ("/v1/customers/" + "x" * 201, "path.customer_id"),
    ],
)
def test_a_wrong_parameter_is_named(reader: Any, path: str, field: str) -> None:
    problem = assert_problem(reader.get(path), 422)
    assert [error.path for error in problem.errors] == [field]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/v1/recommendations", {"n": 0}, "body.n"),
        ("/v1/recommendations", {"filter": {"colour": "red"}}, "body.filter.colour"),
        ("/v1/recommendations", {"customer_id": "a", "customers": ["b"]}, "body"),
        ("/v1/recommendations", {"customers": []}, "body.customers"),
        ("/v1/cross-sell", {"items": []}, "body.items"),
        ("/v1/cross-sell", {"items": ["p0", ""]}, "body.items.1"),
        ("/v1/cross-sell", {"items": ["p0"], "filter": {"min_price": -1}}, "body.filter.min_price"),
        ("/v1/recommendations", {"context": {"x": 2**63}}, "body.context.x"),
        ("/v1/recommendations", {"context": {"x": "y" * 201}}, "body.context.x"),
        ("/v1/cross-sell", {"items": ["p0"], "context": {"x": -(10**30)}}, "body.context.x"),
        ("/v1/next-best-offer", {"placements": "banner"}, "body.placements"),
        ("/v1/events", {}, "body.events"),
    ],
)
def test_a_wrong_field_is_named(reader: Any, path: str, body: Any, field: str) -> None:
    problem = assert_problem(reader.post(path, json=body), 422)
    assert [error.path for error in problem.errors] == [field]


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"", b"[" * 200_000])
def test_a_body_that_is_not_json_is_a_problem(reader: Any, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    response = reader.post("/v1/events", content=body, headers=headers)
    assert assert_problem(response, 422).errors[0].path.startswith("body")


@pytest.mark.parametrize(
    ("content", "media_type", "path", "words"),
    [
        (b'{"items": ["p0"],', "application/json", "body", "not JSON from character 17 on"),
        (b'{"items": ["p0"]}', "text/plain", "body", "content-type: application/json"),
        (b'{"items": ["p0"], "m": 3}', "application/json", "body.m", "no such field"),
    ],
)
def test_what_a_storefront_gets_wrong_first_is_reported_in_plain_words(
    reader: Any, content: bytes, media_type: str, path: str, words: str
) -> None:
    headers = {"content-type": media_type}
    response = reader.post("/v1/cross-sell", content=content, headers=headers)
    (error,) = assert_problem(response, 422).errors
    assert error.path == path
    assert words in error.detail


def test_our_own_checks_have_their_own_messages(reader: Any) -> None:
    response = reader.post("/v1/recommendations", json={"customer_id": "a", "customers": ["b"]})
    (error,) = assert_problem(response, 422).errors
    assert error.detail == "give customers, or customer_id and session_id, not both"


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_too_long_is_refused_whether_declared_or_not(reader: Any, declared: bool) -> None:
    async def chunks() -> Any:
        for _ in range(40):
            yield b" " * 100_000

    content = b" " * 4_000_000 if declared else chunks()
    headers = {"content-type": "application/json"}
    response = reader.post("/v1/events", content=content, headers=headers)
    assert "2,097,152 bytes" in assert_problem(response, 413).detail


def test_an_error_of_the_server_reveals_nothing_internal(
    shop: Any, caplog: pytest.LogCaptureFixture
) -> None:
    message, broken, now = "secret inside", Event(), shop.now

    def breaking_clock() -> Any:
        # What runs beside the requests has the right time.
        if broken.is_set() and asyncio.current_task() not in beside:
            broken.clear()
            raise RuntimeError(message)
        return now()

    shop.now = breaking_clock
    beside: set[asyncio.Task[Any]] = set()
    with shop.open() as client, caplog.at_level(logging.ERROR, "regulars"):
        beside = client.portal.call(asyncio.all_tasks)
        broken.set()
        response = client.get("/v1/customers/ada/recommendations")
        problem = assert_problem(response, 500)
        assert '500"} 1.0' in client.get("/metrics").text
    assert message not in response.text
    assert message not in caplog.text
    assert "Traceback" not in response.text
    (record,) = caplog.records
    line = json.loads(record.getMessage())
    assert line["error"] == "RuntimeError"
    assert problem.instance.endswith(line["request_id"])
    assert "breaking_clock" in line["traceback"][-1]


def test_an_answer_that_breaks_off_is_cut_short_without_saying_why(
    shop: Any, caplog: pytest.LogCaptureFixture
) -> None:
    sent: list[Any] = []

    async def breaks(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})
        raise RuntimeError(sent)

    async def keep(message: Any) -> None:
        sent.append(message)

    async def nothing() -> Any:
        return {"type": "http.request"}

    scope = {"type": "http", "method": "BREW", "path": "/", "headers": [(b"host", b"localhost")]}
    observe = Observe(breaks, shop.server())
    with pytest.raises(ConnectionAbortedError), caplog.at_level(logging.INFO, "regulars"):
        asyncio.run(observe(scope, nothing, keep))
    assert [message["type"] for message in sent] == ["http.response.start"]
    fault, access = (json.loads(record.getMessage()) for record in caplog.records)
    assert fault["error"] == "RuntimeError"
    assert (access["method"], access["route"], access["status"]) == ("other", "unmatched", 200)
