"""Bundles without customers, for commands that only need a bundle to be there."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from models.bundle.folder import Bundle, SparseRows
from models.bundle.manifest import Manifest
from models.bundle.schema import MATRICES

AS_OF = date(2026, 6, 1)
CREATED_AT = datetime(2026, 6, 2, 12, tzinfo=UTC)

_ONE_ROW = {"popular", "newcomers"}
_BY_PRODUCT = {"cross_sell", "substitutes", "similar"}


def small_manifest(version: str = "v1", as_of: date = AS_OF) -> Manifest:
    """Return the manifest of a shop without customers and without models."""
    return Manifest(
        version=version,
        created_at=CREATED_AT,
        as_of=as_of,
        currency="EUR",
        shop="corner shop",
        horizon_days=90,
        value_horizon_days=365,
        population="nobody",
        discount_rate=0.1,
        margin_assumed=None,
        models={},
        data_fingerprint="d",
        vector_fingerprint="v",
    )


def small_bundle(version: str = "v1", as_of: date = AS_OF) -> Bundle:
    """Return a bundle of one product, p1 with a margin of 4, and one offer of it, o1."""
    nobody: Any = pa.table({"customer_id": pa.array([], pa.string())})
    matrices = {
        name: SparseRows.from_rows(
            [{}] if name in _ONE_ROW | _BY_PRODUCT else [], dict.fromkeys(values, np.float32)
        )
        for name, values in MATRICES.items()
    }
    product = {"product_id": ["p1"], "price": [10.0], "margin": [4.0]}
    offer = {"offer_id": ["o1"], "offer_name": ["One"], "product_id": ["p1"]}
    return Bundle(
        manifest=small_manifest(version, as_of),
        customers=nobody,
        vectors=nobody,
        products=pa.table({**product, "in_stock": [True], "retired": [False]}),
        offers=pa.table({**offer, "discount_rate": [0.0], "contact_cost": [0.1]}),
        **matrices,
        directions=np.zeros((1, 1), dtype=np.float32),
    )
