"""Around every request: its id, its log line and metrics, and an answer whatever happens."""

from __future__ import annotations

import logging
import time
from typing import Final

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.http.keys import Key, names_this_machine
from serving.http.logs import error_fields
from serving.http.problems import problem_response
from serving.server import Server

_ANSWERS: Final = "/v1/"
# Receipts of events do not depend on what other workers stored.
_EVENTS: Final = "/v1/events"
_ACCESS = logging.getLogger("regulars.access")
_ERRORS = logging.getLogger("regulars.errors")
# Names what an answer had to do without; absent where nothing was missing.
DEGRADED: Final = "degraded"
# Answers are about one person: no cache may keep them, no browser guess their type.
_PRIVATE: Final = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Observe:
    """Measures and logs each request by its route; nothing that is logged names a person."""

    def __init__(self, app: ASGIApp, server: Server) -> None:
        self._app = app
        self._server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        request_id = self._server.new_id()
        scope.setdefault("state", {})["request_id"] = request_id
        status, degraded = 0, ""

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"x-request-id", request_id.encode()),
                    *_PRIVATE,
                ]
                if degraded:
                    message["headers"].append((DEGRADED.encode(), degraded.encode()))
            await send(message)

        try:
            if self._server.keys is None and not _calls_this_machine(scope):
                await problem_response(421, request_id)(scope, receive, send_with_id)
                return
            if scope["path"].startswith(_ANSWERS) and scope["path"] != _EVENTS:
                degraded = "" if await self._server.catch_up() else "store"
            await self._app(scope, receive, send_with_id)
        except Exception as error:  # noqa: BLE001 - the last resort: every request is answered
            line = {"request_id": request_id} | error_fields(error)
            _ERRORS.error(orjson.dumps(line).decode())
            if status:
                # The answer has begun; cutting it short is all that is left to tell the client.
                raise ConnectionAbortedError("the answer was cut short") from None
            await problem_response(500, request_id)(scope, receive, send_with_id)
        finally:
            self._record(scope, request_id, status, degraded, time.perf_counter() - began)

    def _record(
        self, scope: Scope, request_id: str, status: int, degraded: str, seconds: float
    ) -> None:
        # The route's template, not its path: paths hold customers' ids.
        endpoint = getattr(scope.get("route"), "path", "unmatched")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        version = self._server.view.catalogue.manifest.version
        fallback = scope["state"].get("fallback") or ""
        self._server.metrics.count_request(endpoint, method, status, version, fallback, seconds)
        if not _ACCESS.isEnabledFor(logging.INFO):
            return
        line = {
            "request_id": request_id,
            "method": method,
            "route": endpoint,
            "status": status,
            "milliseconds": round(seconds * 1_000, 3),
            "model_version": version,
            "fallback": fallback,
            DEGRADED: degraded,
            "key": _name_of(scope["state"].get("key")),
        }
        _ACCESS.info(orjson.dumps(line).decode())


def _calls_this_machine(scope: Scope) -> bool:
    return names_this_machine(dict(scope["headers"]).get(b"host", b""))


def _name_of(key: Key | None) -> str | None:
    return None if key is None else key.name
