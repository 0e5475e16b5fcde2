"""Calls of operators: which models are served, health, metrics."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import Field

from serving.answers import Models
from serving.http.access import as_json, requires
from serving.http.problems import Problem, documented, retry_later
from serving.server import Server


@dataclass(frozen=True, slots=True)
class Health:
    """Whether requests can be served."""

    status: Literal["live", "ready"]
    model_version: str | None
    degraded: Annotated[
        list[Literal["bundle"]],
        Field(description="bundle: the active one was refused, an older one goes on serving."),
    ] = field(default_factory=list)
    scores: Annotated[
        Literal["live", "bundle"] | None,
        Field(
            description="live: customers are scored again after what they did; bundle: nobody "
            "does, all scores are of its as_of."
        ),
    ] = None


def model_routes(server: Server) -> APIRouter:
    """Return the route about models."""
    router = APIRouter(prefix="/v1/models", tags=["models"], responses=documented(401, 403, 500))

    @router.get(
        "",
        response_model=Models,
        dependencies=[Depends(requires(server.keys, "retention", "admin"))],
    )
    async def get_models() -> Response:
        """Return what is served: versions, as_of, metrics, definitions, fingerprints."""
        manifest = server.view.catalogue.manifest
        available = await asyncio.to_thread(server.bundle_source.versions)
        return as_json(Models(manifest.version, manifest.as_of, list(available), manifest))

    return router


def health_routes(server: Server) -> APIRouter:
    """Return the routes that probes call without a key; they name no person."""
    router = APIRouter(tags=["operations"])

    @router.get("/health/live", response_model=Health)
    async def get_live() -> Response:
        """Show that the process answers; nothing is read."""
        return as_json(Health("live", None))

    @router.get("/health/ready", response_model=Health, responses=documented(503))
    async def get_ready() -> Response:
        """Show that a bundle is served and the store can be reached."""
        if not await server.store_answers():
            raise Problem(503, "The event store does not answer; check it.", headers=retry_later())
        version = server.view.catalogue.manifest.version
        degraded: list[Literal["bundle"]] = ["bundle"] if server.refused_version else []
        scores: Literal["live", "bundle"] = "live" if server.freshness.live else "bundle"
        return as_json(Health("ready", version, degraded, scores))

    @router.get("/metrics", response_class=Response)
    async def get_metrics() -> Response:
        """Return Prometheus metrics."""
        return Response(server.metrics.text(), media_type=CONTENT_TYPE_LATEST)

    return router
