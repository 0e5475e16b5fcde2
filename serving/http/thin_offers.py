"""The thin route to a customer's next best offer.

As in :mod:`serving.http.thin`: valid requests are answered here, all others by the documented
route.
"""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from serving.decisions.offer_answers import offer_to_customer
from serving.events import MAX_ID_CHARACTERS
from serving.http.access import may_call
from serving.http.problems import problem_of
from serving.http.requests import NextBestOfferQuery
from serving.http.thin import Template, queried, send_json
from serving.server import Server
from serving.storage.store import StoreError

_ROUTE: Final = Template("/v1/customers/{customer_id}/next-best-offer")
_NAME: Final = "next-best-offer"


class ThinOffers:
    """Answers valid requests for a customer's next best offer; passes all others to ``app``."""

    def __init__(self, app: ASGIApp, server: Server) -> None:
        self._app = app
        self._server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass it on."""
        asked = self._asked(scope) if scope["type"] == "http" else None
        if asked is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = _ROUTE
        try:
            answer = await offer_to_customer(self._server, *asked)
        except StoreError as error:
            response = problem_of(error, scope["state"]["request_id"])
            await response(scope, receive, send)
            return
        scope["state"]["fallback"] = answer.fallback
        await send_json(send, answer.json)

    def _asked(self, scope: Scope) -> tuple[str, NextBestOfferQuery] | None:
        """Return customer and parameters, or None where the documented route is to answer."""
        parts = scope["path"].split("/")
        if len(parts) != 5 or (parts[1], parts[2], parts[4]) != ("v1", "customers", _NAME):
            return None
        if scope["method"] != "GET" or not 0 < len(parts[3]) <= MAX_ID_CHARACTERS:
            return None
        if not may_call(self._server.keys, scope, "storefront"):
            return None
        query = queried(NextBestOfferQuery, scope["query_string"])
        return None if query is None else (parts[3], query)
