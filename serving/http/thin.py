"""Thin routes: the fast path of the busiest routes, without the framework around them.

A valid request is answered here, by the functions that its documented route calls. Any other
(another path, a parameter out of bounds, a key without the scope) goes on to the documented
route, which says what is wrong: no rule is written twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

import orjson
from pydantic import BaseModel, ValidationError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.answers import Answered
from serving.events import MAX_ID_CHARACTERS
from serving.http.access import may_call
from serving.http.problems import Problem, problem_of
from serving.http.requests import (
    CrossSellQuery,
    CrossSellRequest,
    EventBatch,
    RecommendationQuery,
    RecommendationRequest,
)
from serving.http.routes_offers import take_events
from serving.products.product_answers import for_cart, for_customer, for_product, for_shopper
from serving.server import Server
from serving.storage.store import StoreError

Checked = TypeVar("Checked", bound=BaseModel)

# Long queries, which list products to exclude, are seldom sent twice.
_LONGEST_CACHED: Final = 100
# Nothing of a customer may stay in a cache that an erasure does not reach.
_NAMES_A_CUSTOMER: Final = b"customer_id"
_MAY_NAME_ANYTHING: Final = b"%"
_LISTS: Final = frozenset({"exclude"})


@dataclass(frozen=True)
class Template:
    """Names a route in logs and metrics, where paths would hold customers' ids."""

    path: str


_CUSTOMER: Final = Template("/v1/customers/{customer_id}/recommendations")
_PRODUCT: Final = Template("/v1/products/{product_id}/cross-sell")
_SHOPPER: Final = Template("/v1/recommendations")
_CART: Final = Template("/v1/cross-sell")
_EVENTS: Final = Template("/v1/events")
_POSTS: Final = {template.path: template for template in (_SHOPPER, _CART, _EVENTS)}


class ThinRoutes:
    """Answers valid requests of storefronts; passes all others on to ``app``."""

    def __init__(self, app: ASGIApp, server: Server) -> None:
        self._app = app
        self._server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass it on."""
        found: tuple[Template, Answered] | None = None
        if scope["type"] == "http" and may_call(self._server.keys, scope, "storefront"):
            if scope["method"] == "GET":
                found = self._get(scope)
            elif scope["method"] == "POST" and scope["path"] in _POSTS and _is_json(scope):
                body, receive = await _read(receive)
                try:
                    found = await self._post(scope["path"], body)
                except (Problem, StoreError) as error:
                    scope["route"] = _POSTS[scope["path"]]
                    response = problem_of(error, scope["state"]["request_id"])
                    await response(scope, receive, send)
                    return
        if found is None:
            await self._app(scope, receive, send)
            return
        scope["route"], answer = found
        scope["state"]["fallback"] = answer.fallback
        await send_json(send, answer.json)

    def _get(self, scope: Scope) -> tuple[Template, Answered] | None:
        parts = scope["path"].split("/")
        if len(parts) != 5 or parts[1] != "v1" or not 0 < len(parts[3]) <= MAX_ID_CHARACTERS:
            return None
        query = scope["query_string"]
        if parts[2] == "customers" and parts[4] == "recommendations":
            wanted = queried(RecommendationQuery, query)
            if wanted is not None:
                return _CUSTOMER, for_customer(self._server, parts[3], wanted)
        if parts[2] == "products" and parts[4] == "cross-sell":
            asked = queried(CrossSellQuery, query)
            if asked is not None:
                return _PRODUCT, for_product(self._server, parts[3], asked)
        return None

    async def _post(self, path: str, body: bytes) -> tuple[Template, Answered] | None:
        if path == _CART.path:
            cart = sent(CrossSellRequest, body)
            return None if cart is None else (_CART, for_cart(self._server, cart))
        if path == _SHOPPER.path:
            asked = sent(RecommendationRequest, body)
            if asked is None or asked.customers is not None:
                return None
            server = self._server
            return _SHOPPER, for_shopper(server, server.view, asked, asked.customer_id)
        batch = sent(EventBatch, body)
        if batch is None:
            return None
        receipt = await take_events(self._server, batch)
        return _EVENTS, Answered(orjson.dumps(receipt), None)


def sent(model: type[Checked], body: bytes) -> Checked | None:
    """Return a checked JSON body, or None where the documented route would refuse it."""
    try:
        # Not through orjson: integers beyond 64 bits, which must be refused, become floats there.
        return model.model_validate_json(body)
    except ValidationError:
        return None


def checked(model: type[Checked], read: Callable[[bytes], Any], raw: bytes) -> Checked | None:
    """Return checked values, or None where the documented route would refuse them."""
    try:
        return model.model_validate(read(raw))
    except (ValidationError, ValueError, RecursionError):
        return None


def queried(model: type[Checked], query: bytes) -> Checked | None:
    """Return a query's parameters, or None as above; those of frequent queries are cached."""
    if len(query) > _LONGEST_CACHED or _NAMES_A_CUSTOMER in query or _MAY_NAME_ANYTHING in query:
        return checked(model, parameters, query)
    known = _cached(model, query)
    return known if isinstance(known, model) else None


@lru_cache(maxsize=1_024)
def _cached(model: type[BaseModel], query: bytes) -> BaseModel | None:
    return checked(model, parameters, query)


def parameters(query: bytes) -> dict[str, Any]:
    """Read a query as the framework does: of a repeated name the last value, or all for a list."""
    read: dict[str, Any] = {}
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name in _LISTS:
            read.setdefault(name, []).append(value)
        else:
            read[name] = value
    return read


def _is_json(scope: Scope) -> bool:
    kind = dict(scope["headers"]).get(b"content-type", b"")
    return bool(kind.partition(b";")[0].strip().lower() == b"application/json")


async def _read(receive: Receive) -> tuple[bytes, Receive]:
    """Read a whole body; return it and a function with which it can be read again."""
    messages: list[Message] = []
    try:
        while not messages or messages[-1].get("more_body"):
            messages.append(await receive())
    except Problem as refused:
        problem = refused

        async def receive_refused() -> Message:
            raise problem

        return b"", receive_refused
    again = iter(messages)

    async def receive_again() -> Message:
        return next(again, None) or await receive()

    return b"".join(message.get("body", b"") for message in messages), receive_again


async def send_json(send: Send, body: bytes) -> None:
    """Send an answer."""
    headers = [
        (b"content-length", str(len(body)).encode()),
        (b"content-type", b"application/json"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
