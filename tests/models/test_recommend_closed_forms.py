"""Single models against arithmetic that can be done by hand or densely."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.recommend.als import Als
from models.recommend.cosine import Cosine
from models.recommend.ease import Ease
from models.recommend.ease_solver import ease_weights
from models.recommend.frequency import Frequency
from models.recommend.interactions import Interactions
from models.recommend.neighbours import Neighbours
from models.recommend.personal import Personal
from models.recommend.popular import Popular
from models.recommend.topk import ranked_products

AS_OF = date(1970, 4, 11)
AS_OF_DAY = 100


def bought(*entries: tuple[str, str, int]) -> Interactions:
    """Purchases as (customer, products as letters, day); every entry is one order."""
    rows = [
        (customer, product, str(order), day)
        for order, (customer, basket, day) in enumerate(entries)
        for product in basket
    ]
    customers, products, orders, days = zip(*rows, strict=True)
    return Interactions.from_arrays(customers, products, orders, days, AS_OF)


def letters(interactions: Interactions, ranked: list[int]) -> str:
    return "".join(interactions.product_ids[product] for product in ranked if product >= 0)


@given(st.integers(0, 2**32 - 1), st.floats(0.5, 500))
def test_ease_minimises_its_loss(seed: int, regularization: float) -> None:
    random = np.random.default_rng(seed)
    matrix = (random.random((30, 6)) < 0.4).astype(float)
    weights = ease_weights(matrix.T @ matrix, regularization)
    for target in range(6):
        # With a zero diagonal every column is a ridge regression on the other products.
        others = np.delete(matrix, target, axis=1)
        ridge = others.T @ others + regularization * np.eye(5)
        solved = np.linalg.solve(ridge, others.T @ matrix[:, target])
        np.testing.assert_allclose(np.delete(weights[:, target], target), solved, atol=1e-8)
        assert weights[target, target] == 0


def test_ease_scores_are_history_times_the_dense_weights() -> None:
    shop = bought(("a", "xy", 9), ("b", "xyz", 9), ("c", "yz", 9), ("d", "wx", 9), ("d", "x", 8))
    binary = (shop.customer_matrix().toarray() > 0).astype(float)
    dense = np.maximum(ease_weights(binary.T @ binary, 2.0), 0)
    model = Ease(regularization=2.0, half_life_days=None).fit(shop)
    scored = model.score(np.arange(4), 4).toarray()
    np.testing.assert_allclose(scored, shop.customer_matrix().toarray() @ dense, rtol=1e-5)
    assert model.left_out_ == 0


def test_what_goes_with_an_older_order_fades_by_its_half_life() -> None:
    alike = (("a", "vw", 9), ("b", "vw", 9), ("c", "xy", 9), ("d", "xy", 9))
    shop = bought(*alike, ("z", "v", 40), ("z", "x", 90))
    model = Cosine(half_life_days=50.0).fit(shop)
    scores = model.score(shop.customer_index(["z"]), 4).toarray()[0]
    older, later = scores[shop.product_index(["w", "y"])]
    assert later == pytest.approx(2 * older)
    assert older > 0


def test_ease_leaves_out_the_unpopular_of_a_large_catalogue_and_says_so() -> None:
    shop = bought(("a", "xyz", 9), ("b", "xyz", 9), ("c", "xyv", 9), ("d", "xyw", 9))
    model = Ease(regularization=1.0, max_products=3).fit(shop)
    assert model.left_out_ == 2
    listed = model.score(np.arange(4), 9).indices
    assert set(letters(shop, listed.tolist())) <= set("xyz")
    small = bought(("a", "xyz", 9), ("b", "xyz", 9), ("c", "xy", 9), ("d", "xy", 9))
    np.testing.assert_allclose(
        model.weights_.toarray()[2:, 2:],
        Ease(regularization=1.0).fit(small).weights_.toarray(),
        rtol=1e-6,
    )


def test_cosine_over_orders_by_hand() -> None:
    shop = bought(("a", "xy", 9), ("a", "xy", 8), ("b", "x", 9), ("b", "yz", 9))
    x, y, z = 0, 1, 2
    model = Cosine("orders", shrinkage=1.0, half_life_days=None).fit(shop)
    similarity = model.similarity_.toarray()
    assert similarity[x, y] == pytest.approx(2 / (np.sqrt(3 * 3) + 1))
    assert similarity[y, z] == pytest.approx(1 / (np.sqrt(3 * 1) + 1))
    assert similarity[x, z] == 0
    support = model.support(np.array([x, y, z, -1])).toarray()
    by_hand = np.array([[0, 2 / 3, 0], [2 / 3, 0, 1 / 3], [0, 1, 0], [0, 0, 0]])
    np.testing.assert_allclose(support, by_hand, rtol=1e-6)
    scored = model.score(shop.customer_index(["a"]), 3).toarray()[0]
    np.testing.assert_allclose(scored, [2, 2, 0] @ similarity, rtol=1e-6)


def test_cosine_over_customers_joins_what_different_orders_part() -> None:
    shop = bought(("a", "x", 9), ("a", "y", 8), ("b", "xy", 9))
    over_orders = Cosine("orders", shrinkage=0.0).fit(shop)
    over_customers = Cosine("customers", shrinkage=0.0).fit(shop)
    assert over_orders.support_.toarray()[0, 1] == pytest.approx(1 / 2)
    assert over_customers.support_.toarray()[0, 1] == pytest.approx(1)
    assert over_customers.similarity_.toarray()[0, 1] == pytest.approx(1)


def test_personal_frequency_fades_and_breaks_ties_by_popularity_then_id() -> None:
    shop = bought(("a", "wxyz", 90), ("a", "z", 89), ("b", "y", 90), ("b", "v", 10))
    plain = Frequency(popular_fill=True).fit(shop)
    ranked = ranked_products(plain.score(np.array([0, 1, -1]), 5), 5, plain.ties_)
    assert [letters(shop, row) for row in ranked.tolist()] == ["zywxv", "yvzwx", "yzvwx"]
    faded = Personal(half_life_days=10.0, trend_exponent=0.0).fit(shop)
    weights = dict(zip(shop.product_ids, faded.weights_.toarray()[1], strict=True))
    assert weights == pytest.approx({"v": 2**-9, "w": 0, "x": 0, "y": 1 / 2, "z": 0})


def test_a_habit_follows_the_trend_of_the_shop() -> None:
    shop = bought(("a", "xy", 50), ("a", "x", 51), ("b", "y", 99), ("c", "y", 98))
    alone = Personal(None, trend_exponent=0.0).fit(shop)
    current = Personal(None, trend_half_life_days=7.0, trend_exponent=0.5).fit(shop)
    best = [ranked_products(m.score(np.array([0]), 1), 1, m.ties_)[0] for m in (alone, current)]
    assert [letters(shop, row.tolist()) for row in best] == ["x", "y"]


def test_popular_prefers_what_sells_now_and_lists_everything() -> None:
    shop = bought(("a", "x", 1), ("b", "x", 2), ("c", "x", 3), ("d", "y", 99), ("e", "z", 1))
    of_all_time, of_now = Popular(None).fit(shop), Popular(7.0).fit(shop)
    listed = [
        ranked_products(m.score(np.array([-1]), 3), 3, m.ties_)[0] for m in (of_all_time, of_now)
    ]
    assert [letters(shop, row.tolist()) for row in listed] == ["xyz", "yxz"]


def test_neighbours_are_weighted_by_cosine() -> None:
    shop = bought(("a", "xy", 99), ("b", "xyz", 99), ("c", "xw", 99), ("d", "v", 99))
    model = Neighbours(nearest=2, half_life_days=None).fit(shop)
    scored = dict(zip(shop.product_ids, model.score(np.array([0]), 9).toarray()[0], strict=True))
    to_b, to_c = 2 / np.sqrt(2 * 3), 1 / np.sqrt(2 * 2)
    expected = {"v": 0, "w": to_c, "x": to_b + to_c, "y": to_b, "z": to_b}
    assert scored == pytest.approx(expected, rel=1e-6)


def test_only_the_latest_customers_can_be_neighbours() -> None:
    shop = bought(("a", "xy", 99), ("b", "xz", 1), ("c", "xw", 50))
    model = Neighbours(max_references=2, half_life_days=None).fit(shop)
    assert shop.customer_ids[model.references_].tolist() == ["a", "c"]
    assert letters(shop, model.score(np.array([0]), 9).indices.tolist()) == "wx"


def test_als_factors_rebuild_what_was_bought() -> None:
    shop = bought(*[(f"c{i}", "wx" if i % 2 else "yz", 99) for i in range(40)])
    model = Als(factors=4, regularization=0.01, alpha=40.0, half_life_days=None).fit(shop)
    rebuilt = model.customer_factors_ @ model.product_factors_.T
    np.testing.assert_allclose(rebuilt, shop.customer_matrix().toarray(), atol=0.05)
