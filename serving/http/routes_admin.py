"""Calls of administrators: to reload the bundle and to erase a customer; all are audited."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field

from features.errors import BundleError
from models.bundle.erasure import customer_hash
from serving.answers import Reloaded
from serving.http.access import as_json, requires
from serving.http.problems import Problem, documented
from serving.http.requests import CustomerPath
from serving.server import Server
from serving.storage.store import AuditEntry

# Recorded before the act: after a crash in between, the audit log still has it.
_BEGUN: Final = "begun"


@dataclass(frozen=True, slots=True)
class Erased:
    """What was forgotten of a customer."""

    records: Annotated[int, Field(description="Events and decisions that were deleted.")]


def admin_routes(server: Server) -> APIRouter:
    """Return the routes that keys of scope ``admin`` may call."""
    router = APIRouter(
        prefix="/v1",
        tags=["admin"],
        dependencies=[Depends(requires(server.keys, "admin"))],
        responses=documented(401, 403, 500, 503),
    )

    async def note(request: Request, action: str, subject: str, outcome: str) -> None:
        key = request.state.key
        name = None if key is None else key.name
        entry = AuditEntry(server.clock(), name, action, subject, outcome)
        await asyncio.to_thread(server.store.audit, entry)

    @router.post("/models/reload", response_model=Reloaded, responses=documented(409))
    async def post_reload(request: Request) -> Response:
        """Serve the bundle that is active now; a damaged one is refused and the old one stays."""
        await note(request, "reload", "the active bundle", _BEGUN)
        try:
            reloaded = await server.reload()
        except BundleError as error:
            await note(request, "reload", error.problem, "refused")
            raise Problem(409, f"{error.problem}. {error.remedy}") from error
        await note(request, "reload", reloaded.model_version, "served")
        return as_json(reloaded)

    @router.delete("/customers/{customer_id}", response_model=Erased, responses=documented(422))
    async def delete_customer(request: Request, customer_id: CustomerPath) -> Response:
        """Forget a customer: events, decisions and scores; later bundles have none of them.

        Only a hash of the id is kept, so that the customer stays forgotten. Records in the
        shop's own tables are the shop's to delete.
        """
        subject = customer_hash(customer_id)
        await note(request, "erase", subject, _BEGUN)
        records = await server.erase(customer_id)
        await note(request, "erase", subject, f"{records} records deleted")
        return as_json(Erased(records))

    return router
