"""The client: typed answers of the real server, and patience with one that puts calls off."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from serving.client import CallError, Client, Reply, Send, send_over_http
from serving.http.keys import create_key, load_keys


def through(shop_client: Any) -> Send:
    """Send to an application in this process."""

    def send(
        method: str, url: str, body: bytes | None, headers: Mapping[str, str], _: float
    ) -> Reply:
        response = shop_client.request(method, url, content=body, headers=headers)
        return Reply(response.status_code, dict(response.headers), response.content)

    return send


@pytest.fixture
def ours(client: Any) -> Client:
    return Client("http://localhost", send=through(client))


def test_every_call_returns_the_type_that_it_names(ours: Client) -> None:
    best = ours.recommendations("ada", n=3, explain=True, exclude=["p0", "p1"])
    assert best.customer_id == "ada"
    assert [item.rank for item in best.items] == [1, 2, 3]
    assert {item.product_id for item in best.items}.isdisjoint({"p0", "p1"})
    assert ours.recommend(session_items=["p3"], n=1).items[0].source
    assert [each.customer_id for each in ours.recommend_to(["ada", "ben"])] == ["ada", "ben"]
    assert ours.cross_sell(["p0"], n=1).items
    assert ours.product_cross_sell("p0", n=1).items
    assert ours.next_best_offer(customer_id="ada").decision_id
    assert ours.customer("ada").definition.currency == "EUR"
    assert ours.models().model_version == "v1"


def test_ids_may_hold_whatever_a_shop_puts_into_them(ours: Client) -> None:
    for customer_id in ("änne", "a b", "a?c=d&e#f", "%2e"):
        assert ours.recommendations(customer_id).customer_id == customer_id


def test_the_churn_list_goes_on_over_its_pages(ours: Client) -> None:
    whole = [row.customer_id for row in ours.churn(limit=1_000)]
    assert [row.customer_id for row in ours.churn(limit=2)] == whole
    assert len(whole) == 6


def test_an_event_without_an_id_gets_one_and_counts_once_however_often_it_is_sent(
    client: Any,
) -> None:
    real, sent = through(client), []

    def send(*request: Any) -> Reply:
        sent.append(request[2])
        reply = real(*request)
        if len(sent) == 1:
            raise ConnectionResetError("the answer was lost on its way")
        return reply

    slept: list[float] = []
    event = {"type": "reject", "customer_id": "ada", "product_id": "p3"}
    receipt = Client("http://localhost", send=send, sleep=slept.append).send_events([event])
    assert sent[0] == sent[1]
    assert (receipt.accepted, receipt.duplicates) == (0, 1), (
        "stored by the first, told by the second"
    )
    assert slept == [1.0]


def test_the_server_is_given_the_time_that_it_asks_for() -> None:
    replies = [
        Reply(503, {"retry-after": "5"}, b""),
        Reply(429, {"retry-after": "2"}, b""),
        Reply(200, {}, b'{"accepted":0,"duplicates":1,"event_ids":["e"],"rejected":[]}'),
    ]
    slept: list[float] = []
    patient = Client("http://shop", send=lambda *_: replies.pop(0), sleep=slept.append)
    assert patient.send_events([{"event_id": "e"}]).duplicates == 1
    assert slept == [5.0, 2.0]


@pytest.mark.parametrize(
    ("headers", "times"), [({"retry-after": "5"}, 3), ({"retry-after": "3600"}, 1)]
)
def test_patience_ends(headers: dict[str, str], times: int) -> None:
    asked: list[Any] = []

    def send(*request: Any) -> Reply:
        asked.append(request)
        return Reply(503, headers, b"busy")

    with pytest.raises(CallError, match="status 503") as refused:
        Client("http://shop", send=send, sleep=lambda _: None).models()
    assert refused.value.status == 503
    assert len(asked) == times


def test_a_refusal_names_what_is_wrong_and_what_to_do(ours: Client) -> None:
    with pytest.raises(CallError, match=r"422 Unprocessable.*query\.n: ") as refused:
        ours.recommendations("ada", n=0)
    assert "Correct the fields" in refused.value.remedy
    with pytest.raises(CallError, match="404"):
        ours.customer("nobody")


def test_a_key_is_sent_as_the_server_wants_it(shop: Any) -> None:
    key = create_key(shop.folder / "keys.json", "desk", ["retention"])
    shop.keys = load_keys(shop.folder / "keys.json")
    with shop.open() as opened:
        assert Client("http://localhost", key, send=through(opened)).customer("ada").orders == 12
        with pytest.raises(CallError, match="401"):
            Client("http://localhost", send=through(opened)).customer("ada")


def test_no_answer_and_no_address_are_reported() -> None:
    with pytest.raises(CallError, match="no answer from http"):
        Client("http://127.0.0.1:1", sleep=lambda _: None).models()
    with pytest.raises(CallError, match="is no address"):
        Client("file:///etc/passwd")


class Echo(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(503 if b"busy" in body else 200)
        self.send_header("Retry-After", "7")
        self.end_headers()
        self.wfile.write(body + self.headers["x-mine"].encode())

    def log_message(self, *_said: object) -> None:
        pass


@pytest.mark.parametrize(("body", "status"), [(b"hello", 200), (b"busy", 503)])
def test_over_a_real_connection_status_headers_and_body_arrive(body: bytes, status: int) -> None:
    with HTTPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        reply = send_over_http("POST", url, body, {"x-mine": "!"}, 10)
    assert (reply.status, reply.headers["retry-after"], reply.body) == (status, "7", body + b"!")
