"""What the serving benchmarks read from the wire, and the lines they fit."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.faults.deliveries import Deliveries
from benchmarks.serving.http1 import answer_end, body_of, get, post, status_of, succeeded
from benchmarks.serving.load import Load, load
from benchmarks.serving.mixed import memory_slope
from benchmarks.serving.rounds import Beside, p99, rate
from benchmarks.serving.traffic import Shop, Traffic

HEADS = st.sampled_from(
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\nServer: a\r\nContent-Length:%d\r\nx-content-length: 9\r\n\r\n",
        b"HTTP/1.1 503 Busy\r\nX-Request-Content-Length: 7\r\nCONTENT-LENGTH: %d\r\n\r\n",
    ]
)


@given(HEADS, st.binary(max_size=40), st.binary(max_size=10))
def test_an_answer_ends_where_its_length_says_and_not_before(
    head: bytes, body: bytes, after: bytes
) -> None:
    answer = head % len(body) + body
    assert [answer_end(answer[:size]) for size in range(len(answer))] == [None] * len(answer)
    assert answer_end(answer + after) == len(answer)
    assert body_of(answer + after) == body


def test_an_answer_in_chunks_ends_with_the_last_of_them() -> None:
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n[1]\r\n0\r\n\r\n"
    assert [answer_end(answer[:size]) for size in range(len(answer))] == [None] * len(answer)
    assert answer_end(answer + b"HTTP/1.1 ") == len(answer)


def test_statuses_of_success_are_distinguished_from_others() -> None:
    assert [succeeded(b"HTTP/1.1 %d X\r\n" % code) for code in (200, 204, 302, 404, 500)] == [
        True, True, False, False, False,
    ]  # fmt: skip
    assert status_of(b"HTTP/1.1 413 Content Too Large\r\n") == 413


def test_requests_say_how_long_they_are() -> None:
    assert get("/a?n=1") == b"GET /a?n=1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    head, _, body = post("/a", {"name": "änne"}).partition(b"\r\n\r\n")
    assert body == '{"name":"änne"}'.encode()
    assert f"Content-Length: {len(body)}".encode() in head.split(b"\r\n")


class _Counting(BaseHTTPRequestHandler):
    """Answers everything, in connections that stay, and notes what was asked."""

    protocol_version = "HTTP/1.1"
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(404 if self.path == "/3" else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_said: object) -> None:
        """Say nothing."""


def test_a_load_without_a_time_sends_every_request_once() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Counting) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            paths = [f"/{number}" for number in range(20)]
            requests = [get(path) for path in paths]
            measured = load(server.server_port, requests, connections=3, seconds=None)
        finally:
            server.shutdown()
    assert sorted(_Counting.asked) == sorted(paths)
    assert (measured.requests, measured.errors) == (20, 1)
    assert measured.cpu_seconds > 0


def test_strangers_are_all_different_and_no_more_than_there_are(tmp_path: Path) -> None:
    shop = Shop(tmp_path, customers=30, products=9)
    assert len(set(Traffic.of_strangers(shop, 20).customers)) == 20
    few = Traffic.of_strangers(shop, 100)
    assert len(few.customers) == len(set(few.customers)) == 30
    assert len(few.fresh_sessions()) == 30


def test_a_ratio_is_the_median_over_rounds_beside_the_neighbours_of_each() -> None:
    def loads(*rates: float) -> list[Load]:
        return [Load(each, 1.0, 1_000 / each, 0) for each in rates]

    a, b, c, d = loads(100, 300, 100, 1_000)
    beside = Beside(loads(100, 50, 550), [(a, b), (b, c), (c, d)])
    assert beside.ratio(rate) == pytest.approx(0.5)
    assert beside.typical(rate) == (100, 200)
    assert beside.ratio(p99) == pytest.approx(10 / np.mean([10, 1_000 / 300]))


def test_a_leak_shows_through_the_noise_and_noise_alone_is_no_leak() -> None:
    minutes = np.arange(100) / 30
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.05, 100)
    slope, error, last = memory_slope(list(zip(minutes, 100 + 6 * minutes + noise, strict=True)))
    assert slope == pytest.approx(6, abs=0.1)
    assert slope > error
    assert last == pytest.approx(100 + 6 * minutes[-1], abs=0.2)
    slope, error, _ = memory_slope(list(zip(minutes, 100 + np.cumsum(noise), strict=True)))
    assert abs(slope) < error


def test_what_was_lost_and_doubled_is_counted_by_event() -> None:
    sent = Deliveries(port=0, customers=1, products=1)
    sent.acknowledged.update(["a", "b", "c", "c"])
    sent.accepted.update({"a": 1, "b": 1, "c": 2, "d": 0})
    # c was called new twice, and b is there twice; that d is there without an answer is no fault.
    assert sent.lost(["a", "b", "b", "d"]) == 1
    assert sent.doubled(["a", "b", "b", "d"]) == 2
    assert (sent.lost(["a", "b", "c"]), sent.doubled(["a", "b", "c"])) == (0, 1)
