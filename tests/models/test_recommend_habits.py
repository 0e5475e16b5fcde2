"""Sources that know when and what next (transitions, repurchase, stages); ranking features."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.recommend.interactions import Interactions
from models.recommend.orders import FAST_FADE, SLOW_FADE, OrderTable, PairTable
from models.recommend.ranking_features import FEATURE_NAMES, RankingFeatures
from models.recommend.repurchase import Repurchase
from models.recommend.stages import Stages
from models.recommend.transitions import Transitions

AS_OF = date(1970, 4, 11)


def bought(*orders: tuple[str, str, int]) -> Interactions:
    """Orders of a customer: one letter per product, and a day."""
    lines = [
        (customer, product, f"{number}", day)
        for number, (customer, products, day) in enumerate(orders)
        for product in products
    ]
    return Interactions.from_arrays(*zip(*lines, strict=True), as_of=AS_OF)


def scored(shop: Interactions, model: object, customer: str) -> dict[str, float]:
    row = model.score(shop.customer_index([customer]), 99)
    names = shop.product_ids[row.indices].tolist()
    return dict(zip(names, row.data.tolist(), strict=True))


def features_of(shop: Interactions, customer: str, product: str) -> dict[str, float]:
    asked = shop.customer_index([customer]), shop.product_index([product])
    numbers = RankingFeatures().fit(shop).of(*asked)
    return dict(zip(FEATURE_NAMES, numbers[0].tolist(), strict=True))


def test_transitions_are_shrunk_shares_of_what_followed() -> None:
    shop = bought(("a", "x", 1), ("a", "yz", 2), ("b", "x", 1), ("b", "y", 9), ("c", "x", 50))
    found = scored(shop, Transitions(shrinkage=1.0).fit(shop), "c")
    assert found == pytest.approx({"y": 2 / 3, "z": 1 / 3}, rel=1e-6)


def test_only_the_latest_order_counts_and_its_products_count_alike() -> None:
    shop = bought(("a", "x", 1), ("a", "y", 2), ("b", "w", 3), ("c", "w", 1), ("c", "xw", 5))
    found = scored(shop, Transitions(shrinkage=0.0).fit(shop), "c")
    # w was followed once, by x and w; x once, by y.
    assert found == pytest.approx({"w": 0.5, "x": 0.5, "y": 0.5}, rel=1e-6)


def test_pairs_have_times_lags_and_gaps() -> None:
    shop = bought(("a", "x", 10), ("a", "y", 20), ("a", "x", 40), ("a", "z", 70))
    orders = OrderTable.from_interactions(shop)
    pairs = PairTable.from_interactions(shop, orders)
    assert pairs.times.tolist() == [2, 1, 1]
    assert pairs.first_lag.tolist() == [3, 2, 0]
    assert pairs.last_lag.tolist() == [1, 2, 0]
    assert pairs.last_gap.tolist() == [2, 0, 0]
    np.testing.assert_allclose(pairs.slow, [SLOW_FADE**3 + SLOW_FADE, SLOW_FADE**2, 1])
    np.testing.assert_allclose(pairs.fast, [FAST_FADE**3 + FAST_FADE, FAST_FADE**2, 1])


def test_what_is_due_again_comes_before_what_is_not() -> None:
    """Everyone buys soap at every third order; Eve's is due, Flo has just bought hers."""
    orders = [
        (f"c{customer:02d}", "sx" if (number + customer) % 3 == 0 else "x", number)
        for customer in range(60)
        for number in range(9)
    ]
    due = [("eve", "sx" if number in {0, 3} else "x", number) for number in range(6)]
    fresh = [("flo", "sx" if number in {2, 5, 8} else "x", number) for number in range(9)]
    shop = bought(*orders, *due, *fresh)
    model = Repurchase(shrinkage=1.0).fit(shop)
    eve, flo = scored(shop, model, "eve"), scored(shop, model, "flo")
    assert eve["s"] > 0.9
    assert flo["s"] < 0.1
    assert flo["x"] > flo["s"]


def test_newcomers_are_offered_what_newcomers_buy() -> None:
    orders = [
        (f"c{customer:02d}", "n" if number == 0 else "r", number * 5 + 1)
        for customer in range(50)
        for number in range(3)
    ]
    shop = bought(*orders)
    model = Stages(half_life_days=None, shrinkage=1.0).fit(shop)
    stranger = model.score(np.array([-1]), 9).toarray()[0]
    regular = model.score(np.array([0]), 9).toarray()[0]
    newcomers, regulars = shop.product_index(["n", "r"])
    assert stranger[newcomers] > 0.9 > stranger[regulars]
    assert regular[regulars] > 0.9 > regular[newcomers]


def test_features_by_hand() -> None:
    shop = bought(("a", "xy", 10), ("a", "y", 20), ("a", "xy", 40), ("b", "x", 95))
    found = features_of(shop, "a", "x")
    assert found["times"] == 2
    assert found["share_of_orders"] == pytest.approx(2 / 3)
    assert found["orders_since_last"] == 0
    assert found["usual_gap_orders"] == 2
    assert found["due_orders"] == pytest.approx(1 / 2)
    assert found["days_since_last"] == 0
    assert found["usual_gap_days"] == 30
    assert found["due_days"] == pytest.approx(15 / 30)
    assert found["orders"] == 3
    assert found["basket_size"] == pytest.approx(5 / 3)
    assert found["repeat_habit"] == pytest.approx(1 - 2 / 5)
    assert found["recency_days"] == 100 - 40
    assert found["popularity"] == pytest.approx(np.log(4))
    assert np.isnan(found["category_share"])
    assert np.isnan(found["price"])


def test_what_was_never_bought_has_no_ages() -> None:
    found = features_of(bought(("a", "x", 10), ("b", "y", 20)), "a", "y")
    assert (found["times"], found["share_of_orders"], found["slow"]) == (0, 0, 0)
    ages = [found[name] for name in ("orders_since_last", "usual_gap_orders", "due_days")]
    assert np.isnan(ages).all()


def test_categories_and_prices_count_where_they_are_known() -> None:
    shop = bought(("a", "xy", 10), ("a", "x", 20), ("a", "z", 30), ("b", "z", 50))
    told = shop.described(["fruit", "fruit", ""], [2.0, 8.0, np.nan])
    found = features_of(told, "a", "y")
    assert found["category_share"] == pytest.approx(2 / 3)
    assert found["category_orders_since_last"] == 1
    assert found["price"] == pytest.approx(np.log(8))
    assert found["price_fit"] == pytest.approx(np.log(8) - np.mean(np.log([2, 2, 8])))
    unknown = features_of(told, "a", "z")
    assert np.isnan([unknown["category_share"], unknown["price"], unknown["price_fit"]]).all()
    assert features_of(told, "b", "x")["category_share"] == 0
    assert np.isnan(features_of(told, "b", "x")["price_fit"])


@given(st.integers(0, 200))
def test_features_are_the_same_alone_and_among_others(seed: int) -> None:
    random = np.random.default_rng(seed)
    days = random.integers(0, 100, 80)
    shop = Interactions.from_arrays(
        random.integers(0, 9, 80), random.integers(0, 9, 80), days // 9, days, AS_OF
    )
    model = RankingFeatures().fit(shop)
    customers, products = (
        random.integers(-1, shop.n_customers, 12),
        random.integers(0, shop.n_products, 12),
    )
    together = model.of(customers, products)
    for place in range(12):
        alone = model.of(customers[place : place + 1], products[place : place + 1])
        np.testing.assert_array_equal(alone[0], together[place])
