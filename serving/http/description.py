"""What the OpenAPI says of every route alike: headers, and 404 for paths with an id."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI

from serving.http.middleware import DEGRADED
from serving.http.problems import documented

_REQUEST_ID: Final = {
    "description": "Id of this request, also in the log.",
    "schema": {"type": "string"},
}
_DEGRADED: Final = {
    "description": "Only on an answer that had to do without something. `store`: the store "
    "did not answer in time, so that other workers' latest events do not count yet.",
    "schema": {"type": "string", "enum": ["store"]},
}
_RETRY_AFTER: Final = {
    "description": "Seconds after which to ask again.",
    "schema": {"type": "integer", "minimum": 1},
}


def document_all_routes(app: FastAPI) -> None:
    """Describe what holds for all routes; call it when they are all there."""
    # The framework caches, and serves, the description that it returns.
    for path, item in app.openapi()["paths"].items():
        for operation in item.values():
            if "{" in path:
                # An id with a slash, even an encoded one, is another path.
                unknown = {str(status): said for status, said in documented(404).items()}
                operation["responses"] = unknown | operation["responses"]
            for status, answer in operation["responses"].items():
                headers: dict[str, Any] = answer.setdefault("headers", {})
                headers["x-request-id"] = _REQUEST_ID
                if status in {"429", "503"}:
                    headers["retry-after"] = _RETRY_AFTER
                if status == "200" and path.startswith("/v1/"):
                    headers[DEGRADED] = _DEGRADED
