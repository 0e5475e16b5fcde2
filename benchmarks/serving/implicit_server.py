"""A plain FastAPI that asks `implicit` for every request, as its documentation shows."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import uvicorn
from fastapi import FastAPI
from implicit.cpu.als import AlternatingLeastSquares
from scipy import sparse
from threadpoolctl import threadpool_limits

_CUSTOMERS: Final = 10_000
_PRODUCTS: Final = 50_000
_BOUGHT: Final = 10


def run(port: int) -> None:
    """Fit on random purchases and serve."""
    rng = np.random.default_rng(0)
    rows = np.repeat(np.arange(_CUSTOMERS), _BOUGHT)
    columns = rng.integers(0, _PRODUCTS, len(rows))
    weights = np.ones(len(rows), dtype=np.float32)
    purchases = sparse.csr_matrix((weights, (rows, columns)), shape=(_CUSTOMERS, _PRODUCTS))
    with threadpool_limits(1, "blas"):
        # One iteration: how good the answers are is not what is measured here.
        model = AlternatingLeastSquares(iterations=1, num_threads=1, random_state=0)
        model.fit(purchases, show_progress=False)
        uvicorn.run(
            _application(model, purchases),
            host="127.0.0.1",
            port=port,
            access_log=False,
            server_header=False,
            log_level="warning",
        )


def _application(model: Any, purchases: Any) -> FastAPI:
    app = FastAPI()

    @app.get("/recommendations/{customer}")
    async def recommendations(customer: int, n: int = 10) -> list[dict[str, float]]:
        products, scores = model.recommend(customer, purchases[customer], N=n)
        return [
            {"product": int(product), "score": float(score)}
            for product, score in zip(products, scores, strict=True)
        ]

    return app
