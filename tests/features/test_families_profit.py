"""What a customer brings after all costs, worked out by hand."""

from __future__ import annotations

from datetime import date
from math import nan
from typing import Any

import pandas as pd
import pytest

AS_OF = date(2025, 7, 1)


@pytest.fixture(scope="module")
def shop(open_lasting_shop: Any, lines: Any) -> Any:
    orders = lines(
        ("A1", "ann", "tea", "2025-01-01", 2, 10),
        ("A1", "ann", "mug", "2025-01-01", 1, 30),  # 6 off
        ("A2", "ann", "jam", "2025-05-01", 4, 5),  # cost unknown: 30 % of 20 stays
        ("A1", "ann", "tea", "2025-05-11", -1, 10),
        ("B1", "bob", "tea", "2025-06-01", 1, 10),
        ("B1", "bob", "tea", "2025-06-05", -1, 10),
        ("D1", "dot", "tea", "2025-06-01", 1, 10),
        discount=[0.0, 6.0, *[0.0] * 5],
    )
    products = pd.DataFrame({"product_id": ["tea", "mug", "jam"], "unit_cost": [4.0, 12.0, nan]})
    costs = pd.DataFrame(
        {
            "customer_id": ["ann", "ann", "ann", "cid"],
            "ts": pd.to_datetime(["2025-01-02", "2025-05-01", "2025-06-01", "2025-06-01"]),
            "cost_kind": ["shipping", "payment", "support", "support"],
            "amount": [5.0, 1.0, 3.0, 2.0],
        }
    )
    customers = pd.DataFrame(
        {
            "customer_id": ["ann", "bob", "cid", "dot"],
            "signed_up_at": pd.to_datetime(["2025-01-01", None, "2025-01-01", "2025-06-15"]),
            "acquisition_cost": [7.5, 3.0, nan, 1.0],
        }
    )
    tables = {"orders": orders, "products": products, "costs": costs, "customers": customers}
    return open_lasting_shop(tables)


def assert_values(vector: Any, **expected: Any) -> None:
    found = {name: vector[name] for name in expected}
    assert found == pytest.approx(expected, abs=1e-6, rel=0, nan_ok=True)


def test_costs_add_up_by_kind(shop: Any) -> None:
    assert_values(
        shop.vector("ann", AS_OF),
        cost_of_goods_lifetime=8 + 12 + 14 - 4,
        cost_of_goods_365d=30,
        cost_of_goods_90d=14 - 4,
        discounts_lifetime=6,
        discounts_90d=0,
        cost_to_serve_lifetime=9,
        cost_to_serve_90d=4,
        shipping_cost_lifetime=5,
        shipping_cost_90d=0,
        payment_cost_365d=1,
        payment_cost_90d=1,
    )


def test_margin_is_what_is_left(shop: Any) -> None:
    # 44 + 20 - 10 came in; 30 of goods and 9 of service went out.
    assert_values(
        shop.vector("ann", AS_OF),
        margin_rate=15 / 54,
        margin_rate_365d=15 / 54,
        margin_rate_90d=-4 / 10,
        cost_to_serve_share_365d=9 / 54,
        margin_per_order=15 / 2,
        margin_per_order_365d=15 / 2,
    )


def test_margin_is_what_revenue_leaves_after_its_parts(shop: Any) -> None:
    frame = shop.vectors(AS_OF).frame
    left = frame["revenue_lifetime"] - frame["cost_of_goods_lifetime"]
    left -= frame["cost_to_serve_lifetime"]
    assert left.to_numpy() == pytest.approx(frame["margin_lifetime"].to_numpy(), abs=2e-6)


def test_assumed_margins_are_marked(shop: Any) -> None:
    assert_values(shop.vector("ann", AS_OF), margin_assumed_share=20 / 64)
    assert_values(shop.vector("bob", AS_OF), margin_assumed_share=0)


def test_an_order_undone_leaves_no_rate(shop: Any) -> None:
    bob = shop.vector("bob", AS_OF)
    assert_values(bob, cost_of_goods_lifetime=0, margin_rate=nan, margin_per_order=nan)


def test_service_without_a_purchase_is_a_loss(shop: Any) -> None:
    cid = shop.vector("cid", AS_OF)
    assert_values(cid, cost_to_serve_lifetime=2, margin_rate=nan, margin_assumed_share=nan)
    assert_values(cid, margin_per_order=nan, cost_to_serve_share_365d=nan, payment_cost_90d=0)


def test_winning_a_customer_is_paid_from_margin(shop: Any) -> None:
    assert_values(shop.vector("ann", AS_OF), margin_after_acquisition=15 - 7.5)
    assert_values(shop.vector("bob", AS_OF), margin_after_acquisition=-3)
    assert_values(shop.vector("cid", AS_OF), margin_after_acquisition=nan)


def test_acquisition_cost_is_known_from_signing_up(shop: Any) -> None:
    assert_values(shop.vector("dot", date(2025, 6, 15)), margin_after_acquisition=nan)
    assert_values(shop.vector("dot", date(2025, 6, 16)), margin_after_acquisition=6 - 1)


def test_without_a_costs_table_nothing_is_spent_on_service(open_shop: Any, lines: Any) -> None:
    vector = open_shop({"orders": lines(("1", "ann", "tea", "2025-06-01", 1, 10))}).vector(
        "ann", AS_OF
    )
    assert_values(vector, cost_to_serve_lifetime=0, shipping_cost_90d=0, margin_rate=0.3)
    assert_values(vector, margin_assumed_share=1, margin_after_acquisition=nan)
