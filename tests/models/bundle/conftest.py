"""The smallest bundle: two customers, three products and an offer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pytest

from models.bundle.folder import Bundle, Manifest, ModelCard, SparseRows

SCORED = {"score": np.float32, "probability": np.float32}
TOLD = SCORED | {"because": np.int32}
ALONE = {"score": np.float32}
PAIRED = {"score": np.float32, "support": np.float32}
COUNTED = {"times": np.int32, "last_day": np.int32, "usual_gap_days": np.float32}


def build_bundle(version: str = "v1", created_on: date = date(2026, 6, 1)) -> Bundle:
    customers = ["ada", "ben"]
    return Bundle(
        manifest=Manifest(
            version=version,
            created_at=datetime(created_on.year, created_on.month, created_on.day, tzinfo=UTC),
            as_of=date(2026, 6, 1),
            currency="EUR",
            shop="corner shop",
            horizon_days=90,
            value_horizon_days=365,
            population="all",
            discount_rate=0.1,
            margin_assumed=0.3,
            models={"churn": ModelCard("3", {"roc_auc": 0.8}, {"horizon_days": 90})},
            data_fingerprint="d",
            vector_fingerprint="v",
        ),
        customers=pa.table({"customer_id": customers, "churn_probability": [0.1, None]}),
        vectors=pa.table({"customer_id": customers, "recency_days": [3.0, 40.0]}),
        products=pa.table(
            {
                "product_id": ["p0", "p1", "p2"],
                "price": [1, 2, None],
                "in_stock": [True, False, True],
                "retired": [False, False, False],
            }
        ),
        offers=pa.table(
            {
                "offer_id": ["o"],
                "offer_name": ["Sale"],
                "discount_rate": [0.1],
                "contact_cost": [0.0],
                "ends_on": [date(2026, 7, 1)],
            }
        ),
        candidates=SparseRows.from_rows([{2: (0.9, 0.3, 1), 0: (0.5, 0.1, -1)}, {}], TOLD),
        cross_sell=SparseRows.from_rows([{1: (2.0, 0.4)}, {}, {}], PAIRED),
        substitutes=SparseRows.from_rows([{}, {2: (0.3,)}, {}], ALONE),
        similar=SparseRows.from_rows([{}, {}, {0: (0.7,)}], ALONE),
        bought=SparseRows.from_rows([{}, {1: (4, 20_000, 30.5)}], COUNTED),
        popular=SparseRows.from_rows([{1: (9.0, 0.5)}], SCORED),
        newcomers=SparseRows.from_rows([{1: (0.5,)}], ALONE),
        directions=np.eye(3, 2, dtype=np.float32),
    )


@pytest.fixture(scope="session")
def small_bundle() -> Callable[..., Bundle]:
    """Return a way to build it, by version and day of creation."""
    return build_bundle
