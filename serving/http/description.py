"""What the OpenAPI says of every route: headers, and addresses that are not known."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI

from serving.http.middleware import DEGRADED
from serving.http.problems import documented

_REQUEST_ID: Final = {
    "description": "Names this very request, also in the log.",
    "schema": {"type": "string"},
}
_DEGRADED: Final = {
    "description": "Only on an answer that had to do without something. `store`: what other "
    "workers heard could not be asked in time, so that their latest events do not count yet.",
    "schema": {"type": "string", "enum": ["store"]},
}
_RETRY_AFTER: Final = {
    "description": "Seconds after which to ask again.",
    "schema": {"type": "integer", "minimum": 1},
}


def document_all_routes(app: FastAPI) -> None:
    """Describe what holds for all routes; call it when they are all there."""
    # The framework keeps, and goes on serving, the description that it returns.
    for path, item in app.openapi()["paths"].items():
        for operation in item.values():
            if "{" in path:
                # A slash, even an encoded one, makes of an id another address.
                unknown = {str(status): said for status, said in documented(404).items()}
                operation["responses"] = unknown | operation["responses"]
            for status, answer in operation["responses"].items():
                headers: dict[str, Any] = answer.setdefault("headers", {})
                headers["x-request-id"] = _REQUEST_ID
                if status in {"429", "503"}:
                    headers["retry-after"] = _RETRY_AFTER
                if status == "200" and path.startswith("/v1/"):
                    headers[DEGRADED] = _DEGRADED
