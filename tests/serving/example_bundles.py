"""Bundles for the server's tests: one made by hand, and any number drawn at random."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa

from models.bundle.folder import Bundle, SparseRows
from models.bundle.manifest import Manifest, ModelCard
from models.bundle.schema import MATRICES

NOW = datetime(2026, 6, 2, 12, tzinfo=UTC)
AS_OF = date(2026, 6, 1)

WHOLE_NUMBERS = {"times", "last_day", "because"}
MATRIX = {
    name: {value: np.int32 if value in WHOLE_NUMBERS else np.float32 for value in values}
    for name, values in MATRICES.items()
}


def day(*ymd: int) -> int:
    return (date(*ymd) - date(1970, 1, 1)).days


def manifest(version: str = "v1") -> Manifest:
    return Manifest(
        version=version,
        created_at=NOW,
        as_of=AS_OF,
        currency="EUR",
        shop="corner shop",
        horizon_days=90,
        value_horizon_days=365,
        population="customers with an order in the last 365 days",
        discount_rate=0.1,
        margin_assumed=None,
        models={"churn": ModelCard("7", {"roc_auc": 0.81}, {"horizon_days": 90})},
        data_fingerprint="data-1",
        vector_fingerprint="vector-1",
        newcomer_attribute="acquisition_channel",
        newcomer_segments=("search",),
        cart_habit=0.25,
        reactivation_rate=0.04,
    )


# Jam is out of stock, the toaster retired, and of p7 nothing is known but its id.
PRODUCTS = {
    "product_id": [f"p{k}" for k in range(8)],
    "product_name": ["Bread", "Butter", "Jam", "Kettle", "Toaster", "Mug", "Tea", None],
    "category": ["food", "food", "food", "home", "home", "home", "food", None],
    "price": [2.0, 3.0, 4.0, 40.0, 50.0, 8.0, 5.0, None],
    "margin": [1.0, 1.5, 2.0, 15.0, 20.0, 5.0, 3.0, None],
    "in_stock": [True, True, False, True, True, True, True, True],
    "retired": [False, False, False, False, True, False, False, False],
    # Bread is bought every week or so, a kettle once; tea is how customers begin.
    "usual_gap_days": [8.0, 10.0, None, None, None, 400.0, 20.0, None],
    "repeat_share": [0.9, 0.5, 0.0, 0.0, 0.0, 0.1, 0.6, None],
    "newcomer_share": [0.1, 0.0, 0.0, 0.01, 0.0, 0.0, 0.3, 0.0],
}
CUSTOMERS = {
    "customer_id": ["ada", "ben", "cleo", "dan", "eve", "änne"],
    "churn_probability": [0.2, 0.9, 0.5, 0.5, None, 0.1],
    "p_alive": [0.9, 0.2, 0.6, 0.6, None, 0.95],
    "clv_simple": [500.0, 40.0, 90.0, 90.0, None, 700.0],
    "clv_historic": [300.0, 30.0, 60.0, 60.0, 5.0, 400.0],
    "clv_predicted": [200.0, 10.0, 50.0, 50.0, None, 300.0],
    "value_if_retained": [250.0, 100.0, 100.0, 100.0, None, 330.0],
    "value_at_risk": [50.0, 90.0, 50.0, 50.0, None, 33.0],
    "tier": ["top_25", "rest", "top_50", "rest", None, "top_10"],
    "segment": ["loyal", "at_risk", "loyal", "promising", None, "champions"],
    "stage": ["active", "at_risk", "cooling", "cooling", "lost", "active"],
    "days_since_last_order": [10, 200, 60, 61, 900, 3],
    "orders": [12, 2, 5, 4, 1, 20],
    "drivers": ['[{"feature": "recency_days", "value": 10.0, "effect": -0.4}]', *[None] * 5],
}
# Score, probability, and the customer's own product that accounts for it.
CANDIDATES: list[dict[int, tuple[float, float, int]]] = [
    {3: (0.9, 0.10, 1), 2: (0.8, 0.30, 0), 0: (0.7, 0.50, -1), 1: (0.7, 0.40, -1),
     4: (0.1, 0.05, 0)},
    {0: (0.5, 0.20, -1), 7: (0.4, 0.10, 0)},
    {6: (0.9, 0.25, -1), 5: (0.2, 0.05, -1)},
    {2: (0.9, 0.50, -1), 4: (0.5, 0.20, 2)},
    {5: (0.6, 0.30, -1)},
    {},
]  # fmt: skip
CROSS_SELL: list[dict[int, tuple[float, float]]] = [
    {1: (2.0, 0.41), 2: (1.5, 0.30), 6: (0.5, 0.004)},
    {0: (2.0, 0.62)},
    {},
    {5: (3.0, 0.25), 6: (2.0, 0.20), 4: (1.0, 0.10)},
    {},
    {6: (1.0, 0.50)},
    {5: (1.0, 0.30)},
    {},
]
# Whatever p7 is, it replaces tea.
SUBSTITUTES: list[dict[int, tuple[float]]] = [{}, {}, {}, {}, {}, {}, {7: (0.5,)}, {6: (0.5,)}]
SIMILAR: list[dict[int, tuple[float]]] = [
    {1: (0.8,), 6: (0.4,)},
    {0: (0.8,)},
    {},
    {5: (1.0,), 4: (0.9,)},
    {3: (0.5,)},
    {6: (0.6,), 3: (0.3,)},
    {5: (0.6,), 7: (0.2,)},
    {},
]
# Times, day of the last and usual gap in days.
BOUGHT: list[dict[int, tuple[float, float, float]]] = [
    {0: (4, day(2026, 5, 3), 30), 1: (1, day(2026, 4, 30), 0)},
    {0: (2, day(2025, 11, 1), 0)},
    {},
    {2: (4, day(2026, 4, 1), 7)},
    {5: (1, day(2023, 12, 1), 0)},
    {6: (20, day(2026, 5, 29), 3)},
]
POPULAR: list[dict[int, tuple[float, float]]] = [
    {6: (9.0, 0.30), 0: (8.0, 0.25), 2: (7.0, 0.20), 3: (1.0, 0.02)}
]
# Customers won by a search buy mugs first; the others, tea.
NEWCOMERS: list[dict[int, tuple[float]]] = [
    {5: (0.5,), 6: (0.4,)},
    {6: (0.3,), 0: (0.1,), 3: (0.01,)},
]
OFFERS = {
    "offer_id": ["o-ended", "o-home", "o-kettle", "o-tea"],
    "offer_name": ["Spring sale", "Home week", "Kettle 20 % off", "Tea by post"],
    "product_id": ["p0", None, "p3", "p6"],
    "category": [None, "home", None, None],
    "discount_rate": [0.1, 0.1, 0.2, 0.0],
    "contact_cost": [0.0, 0.05, 0.0, 30.0],
    "starts_on": [date(2026, 3, 1), None, date(2026, 6, 2), None],
    "ends_on": [date(2026, 6, 2), None, date(2026, 6, 3), None],
}


# Food is alike, and so is what belongs to a home.
KINDS = {"food": [1.0, 0.0], "home": [0.0, 1.0], None: [0.0, 0.0]}


def tiny_bundle(version: str = "v1") -> Bundle:
    """Six customers and eight products, small enough to check by hand."""
    ids = CUSTOMERS["customer_id"]
    return Bundle(
        manifest=manifest(version),
        customers=pa.table(CUSTOMERS),
        vectors=pa.table({"customer_id": ids, "nps": [9.0, None, None, 6.0, None, 10.0]}),
        products=pa.table(PRODUCTS),
        offers=pa.table(OFFERS),
        candidates=SparseRows.from_rows(CANDIDATES, MATRIX["candidates"]),
        cross_sell=SparseRows.from_rows(CROSS_SELL, MATRIX["cross_sell"]),
        substitutes=SparseRows.from_rows(SUBSTITUTES, MATRIX["substitutes"]),
        similar=SparseRows.from_rows(SIMILAR, MATRIX["similar"]),
        bought=SparseRows.from_rows(BOUGHT, MATRIX["bought"]),
        popular=SparseRows.from_rows(POPULAR, MATRIX["popular"]),
        newcomers=SparseRows.from_rows(NEWCOMERS, MATRIX["newcomers"]),
        directions=np.array([KINDS[kind] for kind in PRODUCTS["category"]], dtype=np.float32),
    )


def random_bundle(seed: int, customers: int, products: int) -> Bundle:
    """A bundle of random stock, prices, categories, candidates and neighbours."""
    rng = np.random.default_rng(seed)

    def rows(count: int, name: str) -> SparseRows:
        drawn = []
        for _ in range(count):
            columns = rng.permutation(products)[: rng.integers(0, products + 1)]
            scores = np.sort(rng.integers(1, 5, len(columns)))[::-1]
            shares = np.column_stack([scores, rng.random((len(columns), len(MATRIX[name]) - 1))])
            if name == "candidates":
                shares[:, 2] = rng.integers(-1, products, len(columns))
            drawn.append(dict(zip(columns.tolist(), map(tuple, shares.tolist()), strict=True)))
        return SparseRows.from_rows(drawn, MATRIX[name])

    ids = [f"c{k:04}" for k in range(customers)]
    price = rng.integers(1, 20, products).astype(float)
    return Bundle(
        manifest=manifest(),
        customers=pa.table(
            {
                "customer_id": ids,
                "churn_probability": rng.random(customers),
                "value_at_risk": rng.integers(0, 3, customers).astype(float),
                "tier": rng.choice(["top_1", "rest"], customers).tolist(),
            }
        ),
        vectors=pa.table({"customer_id": ids}),
        products=pa.table(
            {
                "product_id": [f"p{k:03}" for k in range(products)],
                "category": rng.choice(["a", "b"], products).tolist(),
                "price": price,
                "margin": price / 2 - 2,
                "in_stock": rng.random(products) < 0.7,
                "retired": rng.random(products) < 0.2,
            }
        ),
        offers=pa.table(
            {
                "offer_id": ["o1", "o2"],
                "offer_name": ["on a", "on everything"],
                "category": ["a", None],
                "discount_rate": [0.1, 0.05],
                "contact_cost": [0.0, 0.1],
            }
        ),
        candidates=rows(customers, "candidates"),
        cross_sell=rows(products, "cross_sell"),
        substitutes=rows(products, "substitutes"),
        similar=rows(products, "similar"),
        bought=SparseRows.from_rows(
            [{int(p): (2, day(2026, 5, 1), 0)} for p in rng.integers(0, products, len(ids))]
            if products
            else [{} for _ in ids],
            MATRIX["bought"],
        ),
        popular=rows(1, "popular"),
        newcomers=rows(2, "newcomers"),
        directions=rng.normal(size=(products, 3)).astype(np.float32),
    )
