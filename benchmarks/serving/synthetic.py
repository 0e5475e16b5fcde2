"""A bundle of any size, drawn at random: what the server holds, without training it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from models.bundle.folder import Bundle, Manifest, SparseRows, activate, write_bundle

AS_OF = date(2026, 6, 1)
_CANDIDATES, _NEIGHBOURS, _SUBSTITUTES, _BOUGHT, _VECTOR = 100, 50, 5, 10, 20


def customer_id(number: int) -> str:
    """Return the id of a customer by number."""
    return f"C{number:08d}"


def product_id(number: int) -> str:
    """Return the id of a product by number."""
    return f"P{number:06d}"


def version_of(customers: int, products: int, seed: int = 0) -> str:
    """Return the name of the bundle of this size."""
    return f"random-{customers}-{products}-{seed}"


def publish(root: Path, customers: int, products: int, seed: int = 0) -> Path:
    """Write a bundle and make it the active one."""
    rng = np.random.default_rng(seed)
    bundle = Bundle(
        manifest=_manifest(version_of(customers, products, seed)),
        customers=_customers(rng, customers),
        vectors=pa.table(
            {"customer_id": _ids(customer_id, customers)}
            | {f"feature_{k}": rng.random(customers) for k in range(_VECTOR)}
        ),
        products=_products(rng, products),
        offers=pa.table(
            {
                "offer_id": [f"O{k:02d}" for k in range(50)],
                "offer_name": [f"Offer {k}" for k in range(50)],
                "product_id": [product_id(k * 7 % products) for k in range(50)],
                "discount_rate": np.full(50, 0.1),
                "contact_cost": np.full(50, 0.02),
            }
        ),
        candidates=_candidates(rng, customers, products),
        cross_sell=_rows(rng, products, products, _NEIGHBOURS, "support"),
        substitutes=_rows(rng, products, products, _SUBSTITUTES),
        similar=_rows(rng, products, products, _NEIGHBOURS),
        bought=_bought(rng, customers, products),
        popular=_rows(rng, 1, products, min(1_000, products), "probability"),
        newcomers=_rows(rng, 1, products, 200),
        directions=rng.normal(size=(products, 32)).astype(np.float32),
    )
    folder = write_bundle(root, bundle)
    activate(root, bundle.manifest.version)
    return folder


def _manifest(version: str) -> Manifest:
    return Manifest(
        version=version,
        created_at=datetime.now(UTC),
        as_of=AS_OF,
        currency="EUR",
        shop="random",
        horizon_days=90,
        value_horizon_days=365,
        population="everyone",
        discount_rate=0.1,
        margin_assumed=None,
        models={},
        data_fingerprint="random",
        vector_fingerprint="random",
    )


def _ids(name: Any, count: int) -> Any:
    return pa.array([name(number) for number in range(count)], pa.large_string())


def _customers(rng: np.random.Generator, count: int) -> Any:
    churn, value = rng.random(count), rng.gamma(0.5, 100, count)
    return pa.table(
        {
            "customer_id": _ids(customer_id, count),
            "churn_probability": churn,
            "clv_predicted": (1 - churn) * value,
            "value_if_retained": value,
            "value_at_risk": churn * value,
            "tier": rng.choice(["top_10", "top_50", "rest"], count).tolist(),
            "segment": rng.choice(["loyal", "at_risk", "new"], count).tolist(),
            "stage": rng.choice(["active", "cooling", "lost"], count).tolist(),
            "days_since_last_order": rng.integers(1, 400, count),
            "orders": rng.integers(1, 30, count),
        }
    )


def _products(rng: np.random.Generator, count: int) -> Any:
    price = rng.gamma(2, 10, count) + 1
    return pa.table(
        {
            "product_id": _ids(product_id, count),
            "product_name": [f"Product {number}" for number in range(count)],
            "category": rng.choice([f"Category {k}" for k in range(40)], count).tolist(),
            "price": price,
            "unit_cost": price * 0.6,
            "margin": price * 0.4,
            "in_stock": rng.random(count) < 0.9,
            "retired": rng.random(count) < 0.03,
        }
    )


def _candidates(rng: np.random.Generator, rows: int, columns: int) -> SparseRows:
    drawn = _rows(rng, rows, columns, _CANDIDATES, "probability")
    because = rng.integers(-1, columns, drawn.indices.size, dtype=np.int32)
    return SparseRows(drawn.indptr, drawn.indices, {**drawn.values, "because": because})


def _rows(
    rng: np.random.Generator, rows: int, columns: int, length: int, share: str | None = None
) -> SparseRows:
    """Draw rows of distinct columns with falling scores."""
    length = min(length, columns)
    indices = _distinct(rng, rows, columns, length)
    scores = -np.sort(-rng.random((rows, length)).astype(np.float32), axis=1)
    values = {"score": scores.ravel()}
    if share is not None:
        values[share] = (scores.ravel() * 0.3).astype(np.float32)
    return SparseRows(np.arange(rows + 1, dtype=np.int64) * length, indices, values)


def _bought(rng: np.random.Generator, rows: int, columns: int) -> SparseRows:
    length = min(_BOUGHT, columns)
    day = (AS_OF - date(1970, 1, 1)).days
    size = rows * length
    values = {
        "times": rng.integers(1, 9, size).astype(np.int32),
        "last_day": (day - rng.integers(1, 400, size)).astype(np.int32),
        "usual_gap_days": rng.integers(0, 60, size).astype(np.float32),
    }
    indices = _distinct(rng, rows, columns, length)
    return SparseRows(np.arange(rows + 1, dtype=np.int64) * length, indices, values)


def _distinct(rng: np.random.Generator, rows: int, columns: int, length: int) -> NDArray[np.int32]:
    """Draw distinct columns for each row: an arithmetic walk round the catalogue."""
    start = rng.integers(0, columns, (rows, 1))
    step = _coprime(columns)
    return ((start + step * np.arange(length)) % columns).astype(np.int32).ravel()


def _coprime(number: int) -> int:
    return next(k for k in range(max(number // 3, 1), 2 * number + 1) if np.gcd(k, number) == 1)
