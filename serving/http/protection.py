"""Limits on requests: their rate by key, size, duration and number at one time."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.http.connections import ARRIVED
from serving.http.keys import Key, Keys, find_key
from serving.http.problems import Problem, problem_of, retry_later

MAX_BODY_BYTES: Final = 2 * 1024 * 1024
BODY_SECONDS: Final = 10.0
# Further requests would wait longer than a storefront does: better to refuse them at once.
MAX_IN_FLIGHT: Final = 256

_ANSWERS: Final = "/v1/"


@dataclass
class Bucket:
    """Allows ``rate`` requests a second on average, in bursts of as many, and of one at least.

    Source: the token bucket of RFC 2697, with one rate.
    """

    rate: float
    tokens: float
    filled_at: float

    def take(self, now: float) -> float:
        """Take one token; return 0, or the seconds until there will be one."""
        self.tokens = min(max(self.rate, 1.0), self.tokens + (now - self.filled_at) * self.rate)
        self.filled_at = now
        if self.tokens < 1:
            return (1 - self.tokens) / self.rate
        self.tokens -= 1
        return 0.0


class Protect:
    """Finds the caller's key and applies the limits; health checks are always answered.

    Parameters
    ----------
    current_keys
        Returns the keys that hold now; None where the server is open to all of this machine.
    """

    def __init__(
        self,
        app: ASGIApp,
        current_keys: Callable[[], Keys | None],
        seconds: Callable[[], float] = time.monotonic,
        body_seconds: float = BODY_SECONDS,
        max_in_flight: int = MAX_IN_FLIGHT,
    ) -> None:
        self._app = app
        self._current_keys = current_keys
        self._seconds = seconds
        self._body_seconds = body_seconds
        self._max_in_flight = max_in_flight
        self._in_flight = 0
        self._buckets: dict[str, Bucket] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        keys = self._current_keys()
        key = None if keys is None else _key_of(scope, keys)
        scope["state"]["key"] = key
        if not scope["path"].startswith(_ANSWERS):
            await self._app(scope, self._limited(scope, receive), send)
            return
        try:
            if keys is not None and key is None:
                # Before the body is read: a request without a key takes up no place.
                raise Problem(401, headers={"WWW-Authenticate": "Bearer"})
            self._admit(key)
        except Problem as refused:
            response = problem_of(refused, scope["state"]["request_id"])
            await response(scope, receive, send)
            return
        self._in_flight += 1
        try:
            await self._app(scope, self._limited(scope, receive), send)
        finally:
            self._in_flight -= 1

    def _admit(self, key: Key | None) -> None:
        if self._in_flight >= self._max_in_flight:
            detail = "Too many requests are being answered; try again."
            raise Problem(503, detail, headers=retry_later())
        if key is None or key.requests_per_second is None:
            return
        rate, now = key.requests_per_second, self._seconds()
        bucket = self._buckets.setdefault(key.name, Bucket(rate, max(rate, 1.0), now))
        bucket.rate = rate
        if wait_seconds := bucket.take(now):
            retry = {"Retry-After": str(math.ceil(wait_seconds))}
            raise Problem(429, f"This key may ask {rate:g} times a second.", headers=retry)

    def _limited(self, scope: Scope, receive: Receive) -> Receive:
        """Refuse a body that is too long, whether it says so or not, or that takes too long."""
        received, complete = 0, False
        until = self._seconds() + self._body_seconds

        async def receive_limited() -> Message:
            nonlocal received, complete
            if complete:
                # After the body only the client's disconnect can come, at any time.
                return await receive()
            if ARRIVED in scope["state"]:
                message = await receive()
            else:
                message = await self._in_time(receive, until)
            complete = not message.get("more_body", False)
            received += len(message.get("body", b""))
            declared = dict(scope["headers"]).get(b"content-length", b"0")
            if received > MAX_BODY_BYTES or (declared.isdigit() and int(declared) > MAX_BODY_BYTES):
                raise Problem(413, f"Send at most {MAX_BODY_BYTES:,} bytes per request.")
            return message

        return receive_limited

    async def _in_time(self, receive: Receive, until: float) -> Message:
        try:
            async with asyncio.timeout(max(until - self._seconds(), 0)):
                return await receive()
        except TimeoutError:
            detail = f"Send the whole request within {self._body_seconds:g} seconds."
            raise Problem(408, detail, headers={"Connection": "close"}) from None


def _key_of(scope: Scope, keys: Keys) -> Key | None:
    header = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
    scheme, _, plaintext = header.partition(" ")
    return find_key(keys, plaintext) if scheme.lower() == "bearer" else None
