"""The thin route to one customer's profile, which batches of a retention desk call most.

As in :mod:`serving.http.thin`: valid requests are answered here, all others by the documented
route; so are those for unknown customers.
"""

from __future__ import annotations

from typing import Final

import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.customers.profile import customer_profile
from serving.events import MAX_ID_CHARACTERS
from serving.http.access import may_call
from serving.http.thin import Template, send_json
from serving.server import Server

_PATH: Final = "/v1/customers/"
_ROUTE: Final = Template("/v1/customers/{customer_id}")


class ThinCustomer:
    """Answers look-ups of known customers; passes all other requests on to ``app``."""

    def __init__(self, app: ASGIApp, server: Server) -> None:
        self._app = app
        self._server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass it on."""
        written = self._profile(scope) if scope["type"] == "http" else None
        if written is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = _ROUTE
        await send_json(send, written)

    def _profile(self, scope: Scope) -> bytes | None:
        path: str = scope["path"]
        if scope["method"] != "GET" or not path.startswith(_PATH):
            return None
        customer_id = path[len(_PATH) :]
        if "/" in customer_id or not 0 < len(customer_id) <= MAX_ID_CHARACTERS:
            return None
        if not may_call(self._server.keys, scope, "retention"):
            return None
        view = self._server.view
        shopper = view.shoppers.find(customer_id)
        rescored = view.rescored.find(customer_id)
        plain = shopper.is_blank and rescored is None
        if plain and (kept := view.profiles.get(customer_id)) is not None:
            return kept
        profile = customer_profile(view.catalogue, view.recent, shopper, customer_id, rescored)
        if profile is None:
            return None
        written = orjson.dumps(profile)
        if plain:
            view.profiles.put(customer_id, written, len(written))
        return written
