"""What an order of a customer brings: own orders count as far as they say anything."""

from __future__ import annotations

import numpy as np
import pytest

from models.uplift.order_margin import OrderMargin


def shop(n: int, between: float, within: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw customers whose orders bring 20 on average: number of orders and their mean margin."""
    rng = np.random.default_rng(seed)
    orders = rng.integers(1, 12, n).astype(float)
    own = 20 + between * rng.standard_normal(n) + within / np.sqrt(orders) * rng.standard_normal(n)
    return orders, own


@pytest.mark.parametrize(("between", "within"), [(4.0, 8.0), (6.0, 6.0), (3.0, 9.0)])
def test_the_pull_is_the_spread_within_over_that_between(between: float, within: float) -> None:
    found = OrderMargin.fit(*shop(40_000, between, within))
    assert found.mean == pytest.approx(20, abs=0.2)
    assert found.pull == pytest.approx((within / between) ** 2, rel=0.15)


def test_who_does_not_differ_gets_the_mean_of_all() -> None:
    orders, own = shop(2_000, 0.0, 8.0)
    assert OrderMargin.fit(orders, own).expected(orders, own) == pytest.approx(20, abs=1.5)


def test_the_more_orders_the_more_they_count() -> None:
    margin = OrderMargin(mean=10.0, pull=4.0)
    said = margin.expected(np.array([0.0, 1.0, 4.0, 396.0]), np.full(4, 20.0))
    assert said == pytest.approx([10.0, 12.0, 15.0, 19.9])


def test_nobody_known_gets_the_mean_and_an_empty_shop_nothing() -> None:
    missing = np.array([np.nan])
    assert OrderMargin(10.0, 4.0).expected(missing, missing) == pytest.approx([10.0])
    assert OrderMargin.fit(missing, missing).expected(missing, missing) == pytest.approx([0.0])
    few = OrderMargin.fit(np.array([1.0, 3.0]), np.array([30.0, 10.0]))
    assert few.mean == pytest.approx(15.0)
    assert few.expected(np.array([3.0]), np.array([10.0])) == pytest.approx([15.0], abs=0.01)
