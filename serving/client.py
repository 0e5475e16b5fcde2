"""A client for Python: answers as :mod:`serving.answers` has them, and retries.

    client = Client("http://127.0.0.1:8000", key="reg_...")
    for item in client.recommendations("C0007804", n=5).items:
        print(item.product_id, item.reasons)

Calls that the server defers (429, 503) are sent again after the time that it names, and so are
calls that got no answer. That is safe: events get an id before they are sent, and count once.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, Final, TypeVar
from urllib.error import HTTPError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import Request, urlopen

import orjson
from pydantic import TypeAdapter

from features.errors import RegularsError
from serving.answers import (
    EventsReceipt,
    Models,
    NextBestOffer,
    RecommendationBatch,
    Recommendations,
)
from serving.customers.answers import AtRisk, ChurnList, CustomerProfile

Answer = TypeVar("Answer")

_RETRIED_STATUSES: Final = frozenset({429, 503})


@dataclass(frozen=True)
class Reply:
    """The response to one request; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Send = Callable[[str, str, bytes | None, Mapping[str, str], float], Reply]


class CallError(RegularsError):
    """The server refused a call, or no answer came.

    Attributes
    ----------
    status
        None where no answer came.
    """

    def __init__(self, problem: str, remedy: str, status: int | None = None) -> None:
        super().__init__(problem, remedy)
        self.status = status


def send_over_http(
    method: str, url: str, body: bytes | None, headers: Mapping[str, str], timeout_seconds: float
) -> Reply:
    """Send one request; ``OSError`` where no answer comes."""
    request = Request(url, body, dict(headers), method=method)  # noqa: S310  checked by Client
    try:
        with urlopen(request, timeout=timeout_seconds) as reply:  # noqa: S310
            return Reply(reply.status, _lower(reply.headers), reply.read())
    except HTTPError as refused:
        with refused:
            return Reply(refused.code, _lower(refused.headers), refused.read())
    except HTTPException as error:
        raise ConnectionError(str(error)) from error


class Client:
    """Calls a server of Regulars.

    Parameters
    ----------
    attempts
        The most times that one call is sent.
    longest_wait_seconds
        The longest that a server may ask to wait; beyond it the call fails at once.

    Raises
    ------
    CallError
        By every call: the server refused it, or gave no answer.
    """

    def __init__(
        self,
        address: str,
        key: str | None = None,
        *,
        timeout_seconds: float = 5.0,
        attempts: int = 3,
        longest_wait_seconds: float = 30.0,
        send: Send = send_over_http,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if urlsplit(address).scheme not in {"http", "https"}:
            raise CallError(f"{address!r} is no address of a server", "Begin it with https://.")
        self._address = address.rstrip("/")
        self._headers = {} if key is None else {"authorization": f"Bearer {key}"}
        self._timeout_seconds = timeout_seconds
        self._attempts = attempts
        self._longest_wait_seconds = longest_wait_seconds
        self._send = send
        self._sleep = sleep

    def recommendations(self, customer_id: str, **query: Any) -> Recommendations:
        """Recommend products to a customer; ``query`` as in RecommendationQuery."""
        path = f"/v1/customers/{quote(customer_id, safe='')}/recommendations"
        return self._call(Recommendations, "GET", path, query)

    def recommend(self, **body: Any) -> Recommendations:
        """Recommend to a customer, to a visit or to both; ``body`` as in RecommendationRequest."""
        return self._call(Recommendations, "POST", "/v1/recommendations", body=body)

    def recommend_to(self, customers: Sequence[str], **body: Any) -> list[Recommendations]:
        """Recommend to many customers at once, in their order."""
        body |= {"customers": list(customers)}
        batch = self._call(RecommendationBatch, "POST", "/v1/recommendations", body=body)
        return batch.results

    def cross_sell(self, items: Sequence[str], **body: Any) -> Recommendations:
        """Complete a cart; ``body`` as in CrossSellRequest."""
        body |= {"items": list(items)}
        return self._call(Recommendations, "POST", "/v1/cross-sell", body=body)

    def product_cross_sell(self, product_id: str, **query: Any) -> Recommendations:
        """Show what goes with a product; ``query`` as in CrossSellQuery."""
        path = f"/v1/products/{quote(product_id, safe='')}/cross-sell"
        return self._call(Recommendations, "GET", path, query)

    def next_best_offer(self, **body: Any) -> NextBestOffer:
        """Choose what to offer; ``body`` as in NextBestOfferRequest."""
        return self._call(NextBestOffer, "POST", "/v1/next-best-offer", body=body)

    def send_events(self, events: Sequence[Mapping[str, Any]]) -> EventsReceipt:
        """Store events; those that have no ``event_id`` get one, so that none counts twice."""
        named = [{"event_id": uuid.uuid4().hex, **event} for event in events]
        return self._call(EventsReceipt, "POST", "/v1/events", body={"events": named})

    def customer(self, customer_id: str) -> CustomerProfile:
        """Return what is known of one customer."""
        return self._call(CustomerProfile, "GET", f"/v1/customers/{quote(customer_id, safe='')}")

    def churn(self, **query: Any) -> Iterator[AtRisk]:
        """Yield the churn list to its end, page by page; ``query`` as in ChurnParameters."""
        cursor: dict[str, str] = {}
        while True:
            page = self._call(ChurnList, "GET", "/v1/churn", {**query, **cursor})
            yield from page.items
            if page.next_cursor is None:
                return
            cursor = {"cursor": page.next_cursor}

    def models(self) -> Models:
        """Return what is being served."""
        return self._call(Models, "GET", "/v1/models")

    def _call(
        self,
        kind: type[Answer],
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
    ) -> Answer:
        asked = urlencode({k: _text(v) for k, v in (query or {}).items()}, doseq=True)
        url = f"{self._address}{path}?{asked}" if asked else f"{self._address}{path}"
        headers = self._headers | ({} if body is None else {"content-type": "application/json"})
        written = None if body is None else orjson.dumps(body)
        reply = self._send_with_retries(method, url, written, headers)
        if reply.status == 200:
            return TypeAdapter(kind).validate_json(reply.body)
        raise _refused(reply)

    def _send_with_retries(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Reply:
        for attempt in range(1, self._attempts + 1):
            last = attempt == self._attempts
            try:
                reply = self._send(method, url, body, headers, self._timeout_seconds)
            except OSError as error:
                if last:
                    raise CallError(
                        f"no answer from {self._address}: {error}", "Is the server running?"
                    ) from error
                self._sleep(2.0 ** (attempt - 1))
                continue
            wait = float(reply.headers.get("retry-after", "1"))
            if last or reply.status not in _RETRIED_STATUSES or wait > self._longest_wait_seconds:
                return reply
            self._sleep(wait)
        raise CallError("nothing was sent", "Allow at least one attempt.")


def _refused(reply: Reply) -> CallError:
    try:
        problem = orjson.loads(reply.body)
        wrong = [f"{each['path']}: {each['detail']}" for each in problem["errors"]]
        said = "; ".join([f"{reply.status} {problem['title']}", *wrong])
        return CallError(said, problem["detail"], reply.status)
    except (orjson.JSONDecodeError, KeyError, TypeError):
        # Not the server but a proxy before it answered, in a form of its own.
        return CallError(f"status {reply.status}", "Ask whoever runs the server.", reply.status)


def _text(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
