"""Calls of storefronts for products: recommendations and cross-sell."""

from __future__ import annotations

import asyncio
from typing import Annotated, Final

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response

from serving.answers import Answered, RecommendationBatch, Recommendations
from serving.http.access import answered, requires
from serving.http.problems import documented
from serving.http.requests import (
    CrossSellQuery,
    CrossSellRequest,
    CustomerPath,
    ProductPath,
    RecommendationQuery,
    RecommendationRequest,
)
from serving.products.product_answers import for_cart, for_customer, for_product, for_shopper
from serving.server import Server

# A batch lets other requests in after so many customers.
_BATCH_STEP: Final = 16


def product_routes(server: Server) -> APIRouter:
    """Return the routes that keys of scope ``storefront`` may call."""
    router = APIRouter(
        prefix="/v1",
        tags=["storefront"],
        dependencies=[Depends(requires(server.keys, "storefront"))],
        responses=documented(401, 403, 422, 500),
    )

    @router.get("/customers/{customer_id}/recommendations", response_model=Recommendations)
    async def get_recommendations(
        request: Request, customer_id: CustomerPath, query: Annotated[RecommendationQuery, Query()]
    ) -> Response:
        """Recommend products to a customer; an unknown one is served as a new one."""
        return answered(request, for_customer(server, customer_id, query))

    @router.post(
        "/recommendations",
        response_model=Recommendations | RecommendationBatch,
        responses=documented(413),
    )
    async def post_recommendations(request: Request, body: RecommendationRequest) -> Response:
        """Recommend to a customer, to an anonymous visit, or to a batch of customers."""
        if body.customers is None:
            return answered(request, for_shopper(server, server.view, body, body.customer_id))
        view, results = server.view, []
        for place, customer_id in enumerate(body.customers, start=1):
            if place % _BATCH_STEP == 0:
                await asyncio.sleep(0)
            results.append(for_shopper(server, view, body, customer_id))
        fallback = next((result.fallback for result in results if result.fallback), None)
        written = [orjson.Fragment(result.json) for result in results]
        return answered(request, Answered(orjson.dumps({"results": written}), fallback))

    @router.post("/cross-sell", response_model=Recommendations, responses=documented(413))
    async def post_cross_sell(request: Request, body: CrossSellRequest) -> Response:
        """Complete a cart with what is bought together with its items."""
        return answered(request, for_cart(server, body))

    @router.get("/products/{product_id}/cross-sell", response_model=Recommendations)
    async def get_cross_sell(
        request: Request, product_id: ProductPath, query: Annotated[CrossSellQuery, Query()]
    ) -> Response:
        """Show what is bought together with a product."""
        return answered(request, for_product(server, product_id, query))

    return router
