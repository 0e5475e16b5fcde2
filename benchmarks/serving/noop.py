"""The no-op: one path and one query parameter in, prebuilt bytes of ten items out."""

from __future__ import annotations

import orjson
import uvicorn
from fastapi import FastAPI, Response

from benchmarks.serving.http1 import get
from serving.http.connections import bounded_connections

_ITEMS = [{"product_id": f"P{number:05d}", "rank": number, "score": 0.5} for number in range(10)]
REQUEST = get("/noop/C00000017?n=10")


def run(port: int) -> None:
    """Serve it with the settings of the product's server."""
    app = FastAPI()
    body = orjson.dumps({"items": _ITEMS})

    @app.get("/noop/{customer_id}")
    async def answer(customer_id: str, n: int = 10) -> Response:
        return Response(body, media_type="application/json")

    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port,
        http=bounded_connections(),
        access_log=False,
        server_header=False,
        log_level="warning",
    )
