"""Calls of the retention desk: one customer, and the churn list."""

from __future__ import annotations

import asyncio
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from models.bundle.schema import RfmSegment, Stage, Tier
from serving.answers import Definition
from serving.customers.answers import ChurnList, CustomerProfile
from serving.customers.churn_list import ChurnQuery, Sort, StaleCursorError
from serving.customers.profile import customer_profile
from serving.http.access import as_json, requires
from serving.http.churn_csv import churn_csv, with_new_order
from serving.http.problems import FieldError, Problem, documented
from serving.http.requests import CustomerPath
from serving.server import Server
from serving.view import View

_CSV: Final = "text/csv"


class ChurnParameters(BaseModel):
    """Parameters of the churn list; an unknown one is an error, not ignored."""

    model_config = ConfigDict(extra="forbid")

    min_probability: float | None = Field(None, ge=0, le=1, examples=[0.5])
    tier: Tier | None = Field(None, description="By predicted value.")
    stage: Stage | None = Field(None, description="Of the life cycle.")
    segment: RfmSegment | None = Field(None, description="By RFM.")
    sort: Sort = Field("value_at_risk", examples=["churn_probability"])
    limit: int = Field(
        100, ge=1, le=1_000, examples=[3], description="Rows per page; CSV has them all."
    )
    cursor: str | None = Field(None, max_length=200, description="next_cursor of the last page.")


def retention_routes(server: Server) -> APIRouter:
    """Return the routes that keys of scope ``retention`` may call."""
    router = APIRouter(
        prefix="/v1",
        tags=["retention"],
        dependencies=[Depends(requires(server.keys, "retention"))],
        responses=documented(401, 403, 422, 500),
    )

    @router.get(
        "/customers/{customer_id}", response_model=CustomerProfile, responses=documented(404)
    )
    async def get_customer(customer_id: CustomerPath) -> Response:
        """Return what is known of one customer: scores, values, drivers, history.

        Within a minute of an event the scores count it, where the shop rescores beside the server;
        `scored_at` says when they did.
        """
        view = server.view
        shopper = view.shoppers.find(customer_id)
        rescored = view.rescored.find(customer_id)
        profile = customer_profile(view.catalogue, view.recent, shopper, customer_id, rescored)
        if profile is None:
            raise Problem(404, "No such customer before as_of; check the id, or train again.")
        return as_json(profile)

    @router.get(
        "/churn",
        response_model=ChurnList,
        responses={200: {"content": {_CSV: {"schema": {"type": "string"}}}}},
    )
    async def get_churn(
        request: Request, parameters: Annotated[ChurnParameters, Query()]
    ) -> Response:
        """List customers by what is at stake: pages of JSON, or all of them as CSV by Accept.

        All scores are of one day, `as_of`; ask for one customer to see what was scored since.
        A text that a spreadsheet would take for a formula begins with an apostrophe in CSV.
        """
        view = server.view
        query = ChurnQuery(**parameters.model_dump(exclude={"limit", "cursor"}))
        if _CSV in request.headers.get("accept", ""):
            return StreamingResponse(churn_csv(view, query), media_type=_CSV)
        return as_json(await _churn_page(view, query, parameters.limit, parameters.cursor))

    return router


async def _churn_page(view: View, query: ChurnQuery, limit: int, cursor: str | None) -> ChurnList:
    """Return the page that begins at a cursor; in a thread, as many rows are compared."""
    try:
        rows, following = await asyncio.to_thread(view.churn.page, query, limit, cursor)
    except StaleCursorError as error:
        detail = "Begin again without a cursor: the list or its parameters changed."
        raise Problem(422, detail, [FieldError("query.cursor", str(error))]) from error
    manifest = view.catalogue.manifest
    rows = [with_new_order(view, row) for row in rows]
    return ChurnList(manifest.version, manifest.as_of, Definition.of(manifest), rows, following)
