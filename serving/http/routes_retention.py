"""Calls of the retention desk: one customer, and the churn list."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Iterator
from dataclasses import asdict, fields, replace
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from models.bundle.schema import RfmSegment, Stage, Tier
from serving.answers import Definition
from serving.customers.answers import AtRisk, ChurnList, CustomerProfile
from serving.customers.churn_list import ChurnQuery, Sort, StaleCursorError
from serving.customers.ordered_since import new_orders
from serving.customers.profile import customer_profile
from serving.http.access import as_json, requires
from serving.http.problems import FieldError, Problem, documented
from serving.http.requests import CustomerPath
from serving.products.shoppers import date_of
from serving.server import Server
from serving.view import View

_CSV: Final = "text/csv"
# A cell that begins with one of these is run as a formula (OWASP, CSV injection).
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


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
            return StreamingResponse(_csv_blocks(view, query), media_type=_CSV)
        try:
            rows, cursor = await asyncio.to_thread(
                view.churn.page, query, parameters.limit, parameters.cursor
            )
        except StaleCursorError as error:
            detail = "Begin again without a cursor: the list or its parameters changed."
            raise Problem(422, detail, [FieldError("query.cursor", str(error))]) from error
        manifest = view.catalogue.manifest
        definition = Definition.of(manifest)
        rows = [_with_news(view, row) for row in rows]
        return as_json(ChurnList(manifest.version, manifest.as_of, definition, rows, cursor))

    return router


def _with_news(view: View, row: AtRisk) -> AtRisk:
    """Add the date of an order that the scores do not count, where there is one."""
    orders, last_day = new_orders(view.shoppers.find(row.customer_id))
    return replace(row, ordered_since_on=date_of(last_day)) if orders else row


def _harmless(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def _csv_blocks(view: View, query: ChurnQuery) -> Iterator[str]:
    """Yield the list as CSV; each row also says what its scores mean."""
    manifest = view.catalogue.manifest
    meaning: dict[str, Any] = {
        "as_of": manifest.as_of.isoformat(),
        "model_version": manifest.version,
        "churn_horizon_days": manifest.horizon_days,
        "value_horizon_days": manifest.value_horizon_days,
        "value_basis": manifest.value_basis,
        "currency": manifest.currency,
    }
    text = io.StringIO()
    writer = csv.DictWriter(text, [*(field.name for field in fields(AtRisk)), *meaning])
    writer.writeheader()
    for block in view.churn.blocks(query):
        rows = (asdict(_with_news(view, row)) for row in block)
        writer.writerows({k: _harmless(cell) for k, cell in row.items()} | meaning for row in rows)
        yield text.getvalue()
        text.seek(0)
        text.truncate()
    yield text.getvalue()
