"""The composition root: real or fake parts come in, one application comes out."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Final

from fastapi import FastAPI

from serving.bundles import BundleSource
from serving.decisions.policies.settings import BEST_BY_VALUE, PolicySettings
from serving.http.description import document_all_routes
from serving.http.keys import Keys
from serving.http.middleware import Observe
from serving.http.problems import document_problems, documented, install_problem_handlers
from serving.http.protection import Protect
from serving.http.routes_admin import admin_routes
from serving.http.routes_offers import offer_routes
from serving.http.routes_operations import health_routes, model_routes
from serving.http.routes_products import product_routes
from serving.http.routes_retention import retention_routes
from serving.http.thin import ThinRoutes
from serving.http.thin_customer import ThinCustomer
from serving.http.thin_offers import ThinOffers
from serving.server import Server
from serving.storage.store import Store

# Every worker serves a newly activated bundle, and refuses a revoked key, within about this time.
_FOLLOW_SECONDS: Final = 1.0
_LISTEN_SECONDS: Final = 1.0


def _new_id() -> str:
    # The time, then 80 random bits: ids in ascending order are quick to add to an index.
    return f"{time.time_ns() // 1_000_000:012x}{os.urandom(10).hex()}"


def create_app(
    bundle_source: BundleSource,
    store: Store,
    keys: Keys | None,
    clock: Callable[[], datetime],
    new_id: Callable[[], str] = _new_id,
    policies: PolicySettings = BEST_BY_VALUE,
    read_keys: Callable[[], Keys] | None = None,
) -> FastAPI:
    """Open the active bundle and return the application that serves it.

    The store is closed when the application stops.

    Parameters
    ----------
    read_keys
        Returns the keys that are valid now; called again and again, so that a revoked key is
        refused and a new one accepted. None where keys never change.

    Raises
    ------
    BundleError, StoreError
        When there is nothing to serve, or the store cannot be read.
    """
    server = Server(bundle_source, store, keys, clock, new_id, policies)
    app = FastAPI(
        title="Regulars",
        summary="Customer value, churn, recommendations and next best offer.",
        version="1",
        # The server measures and logs each request itself, those of the thin routes included.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        lifespan=lambda _app: _background_work(server, store, read_keys),
        # From the middleware, so every route may return them.
        responses=documented(408, 421, 429, 503),
        # A path with an extra slash is a 404 that says so, not a redirect to a second request.
        redirect_slashes=False,
    )
    app.include_router(product_routes(server))
    app.include_router(offer_routes(server))
    app.include_router(retention_routes(server))
    app.include_router(model_routes(server))
    app.include_router(admin_routes(server))
    app.include_router(health_routes(server))
    install_problem_handlers(app)
    document_problems(app)
    document_all_routes(app)
    app.add_middleware(ThinOffers, server=server)
    app.add_middleware(ThinCustomer, server=server)
    app.add_middleware(ThinRoutes, server=server)
    app.add_middleware(Protect, current_keys=lambda: server.keys)
    app.add_middleware(Observe, server=server)
    return app


@asynccontextmanager
async def _background_work(
    server: Server, store: Store, read_keys: Callable[[], Keys] | None
) -> AsyncIterator[None]:
    """Run the background tasks while the application serves; then stop them, close the store."""
    tasks = [
        asyncio.create_task(server.decisions.run()),
        asyncio.create_task(server.follow(_FOLLOW_SECONDS)),
        asyncio.create_task(server.listen(_LISTEN_SECONDS)),
        asyncio.create_task(server.freshness.follow(lambda: server.view.rescored)),
    ]
    if read_keys is not None:
        tasks.append(asyncio.create_task(server.follow_keys(read_keys, _FOLLOW_SECONDS)))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await server.decisions.close()
        store.close()
