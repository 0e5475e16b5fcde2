"""What a request may ask of the server, and how it is refused."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.http.keys import create_key, load_keys
from serving.http.problems import Problem, problem_of
from serving.http.protection import MAX_BODY_BYTES, Bucket, Protect


@given(
    st.floats(0.1, 1_000),
    st.lists(st.floats(0, 10), min_size=1, max_size=200),
)
def test_a_bucket_never_gives_more_than_its_rate_and_one_burst(
    rate: float, pauses: list[float]
) -> None:
    bucket, now, given_out = Bucket(rate, rate, 0.0), 0.0, 0
    for pause in pauses:
        now += pause
        wait = bucket.take(now)
        given_out += wait == 0
        assert given_out <= rate * now + max(rate, 1) + 1e-6
        if wait:
            assert bucket.tokens + wait * rate >= 1 - 1e-6


@given(st.floats(0.1, 1_000))
def test_a_client_that_waits_as_long_as_asked_is_let_in(rate: float) -> None:
    bucket = Bucket(rate, max(rate, 1.0), 0.0)
    while not (wait := bucket.take(0.0)):
        pass
    assert bucket.take(wait + 1e-6) == 0


def test_a_key_that_asks_too_often_learns_when_to_ask_again(shop: Any) -> None:
    path = shop.folder / "keys.json"
    slow = create_key(path, "slow", ["storefront"], requests_per_second=2)
    free = create_key(path, "free", ["storefront"])
    shop.keys = load_keys(path)
    url = "/v1/customers/ada/recommendations?n=1"
    with shop.open() as client:

        def ask(key: str) -> Any:
            return client.get(url, headers={"authorization": f"Bearer {key}"})

        responses = [ask(slow) for _ in range(20)]
        refused = [each for each in responses if each.status_code != 200]
        assert [each.status_code for each in responses[:2]] == [200, 200]
        assert refused
        assert {each.status_code for each in refused} == {429}
        assert refused[0].headers["retry-after"] == "1"
        assert refused[0].json()["detail"] == "This key may ask 2 times a second."
        assert {ask(free).status_code for _ in range(20)} == {200}
        assert client.get("/health/live").status_code == 200


def exchange(protect: Protect, path: str, *messages: dict[str, Any]) -> tuple[int, Any]:
    """Send one request by hand; a body that ends early never comes."""

    async def play() -> tuple[int, Any]:
        sent: list[Any] = []
        waiting = list(messages)

        async def receive() -> Any:
            if not waiting:
                await asyncio.sleep(60)
            return waiting.pop(0)

        async def send(message: Any) -> None:
            sent.append(message)

        state = {"request_id": "r"}
        scope = {"type": "http", "method": "POST", "path": path, "headers": [], "state": state}
        await protect(scope, receive, send)
        return sent[0]["status"], json.loads(sent[1]["body"])

    return asyncio.run(play())


def no_keys() -> None:
    """Say that the server is open to all of this machine."""


async def reading(scope: Any, receive: Any, send: Any) -> None:
    """Read the whole body, and say that it was read or why not."""
    try:
        while (await receive()).get("more_body", False):
            pass
    except Problem as problem:
        await problem_of(problem, "r")(scope, receive, send)
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


def test_a_body_that_never_ends_is_given_up() -> None:
    protect = Protect(reading, no_keys, body_seconds=0.05)
    started = {"type": "http.request", "body": b"{", "more_body": True}
    status, problem = exchange(protect, "/v1/events", started)
    assert status == 408
    assert "0.05 seconds" in problem["detail"]


def test_a_body_may_be_as_long_as_allowed_and_not_a_byte_longer() -> None:
    """However it comes in pieces, and without saying beforehand how long it is."""

    def ask(*pieces: int) -> int:
        messages = [{"type": "http.request", "body": b" " * n, "more_body": True} for n in pieces]
        messages[-1]["more_body"] = False
        return exchange(Protect(reading, no_keys), "/v1/events", *messages)[0]

    assert ask(MAX_BODY_BYTES) == ask(MAX_BODY_BYTES - 1, 1) == 200
    assert ask(MAX_BODY_BYTES + 1) == ask(MAX_BODY_BYTES, 1) == 413


def test_who_was_answered_or_failed_no_longer_counts_as_being_answered() -> None:
    faults = [True, False, False]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if faults.pop(0):
            raise RuntimeError("a fault")
        await reading(scope, receive, send)

    one_at_a_time = Protect(app, no_keys, max_in_flight=1)
    with pytest.raises(RuntimeError):
        exchange(one_at_a_time, "/v1/events", {"type": "http.request"})
    for _ in range(2):
        assert exchange(one_at_a_time, "/v1/events", {"type": "http.request"})[0] == 200


def test_past_its_limit_the_server_says_so_at_once_and_health_still_answers() -> None:
    full = Protect(reading, no_keys, max_in_flight=0)
    status, problem = exchange(full, "/v1/events", {"type": "http.request"})
    assert status == 503
    assert "try again" in problem["detail"]
    assert exchange(full, "/health/live", {"type": "http.request"})[0] == 200


def test_a_request_without_a_key_is_refused_before_its_body_is_read() -> None:
    async def app(*_: Any) -> None:
        raise AssertionError("it was let through")

    started = {"type": "http.request", "body": b"{", "more_body": True}
    locked = Protect(app, lambda: (), max_in_flight=0)
    assert exchange(locked, "/v1/events", started)[0] == 401
    assert exchange(locked, "/v1/nothing", started)[0] == 401


def test_requests_that_need_no_key_take_up_no_place() -> None:
    held, done = asyncio.Event(), asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/openapi.json":
            held.set()
            await done.wait()
        await reading(scope, receive, send)

    async def play() -> int:
        one_at_a_time = Protect(app, no_keys, max_in_flight=1)
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request"}

        async def send(message: Any) -> None:
            sent.append(message)

        def call(path: str) -> Any:
            state = {"request_id": "r"}
            scope = {"type": "http", "method": "GET", "path": path, "headers": [], "state": state}
            return one_at_a_time(scope, receive, send)

        slow_reader = asyncio.create_task(call("/openapi.json"))
        await held.wait()
        await call("/v1/churn")
        done.set()
        await slow_reader
        status: int = sent[0]["status"]
        return status

    assert asyncio.run(play()) == 200
