"""Drawing products: only what is on sale, of the category asked for, by popularity."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from features.simulation.assortment import build_assortment, draw_products

DAYS = 40
CATEGORY = np.repeat(np.arange(3), 4)
ALWAYS = np.array([0, 4, 8])  # the first of each category stays on sale


@settings(max_examples=60, deadline=None)
@given(
    popularity=st.lists(st.sampled_from([0.0, 1e-9, 0.3, 1.0, 50.0]), min_size=12, max_size=12),
    first=st.lists(st.integers(-5, DAYS + 5), min_size=12, max_size=12),
    length=st.lists(st.integers(0, DAYS), min_size=12, max_size=12),
    seed=st.integers(0, 2**32 - 1),
)
def test_only_popular_goods_on_sale_in_the_category_are_drawn(
    popularity: list[float], first: list[int], length: list[int], seed: int
) -> None:
    weight, first_day = np.array(popularity), np.array(first)
    last_day = first_day + np.array(length)
    weight[ALWAYS], first_day[ALWAYS], last_day[ALWAYS] = 1.0, -5, DAYS + 5
    assortment = build_assortment(weight, CATEGORY, first_day, last_day, DAYS)
    rng = np.random.default_rng(seed)
    category, day = rng.integers(0, 3, 500), rng.integers(0, DAYS, 500)
    product = draw_products(assortment, category, day, rng)
    assert (CATEGORY[product] == category).all()
    assert (weight[product] > 0).all()
    assert ((first_day[product] <= day) & (day <= last_day[product])).all()


def test_draws_follow_popularity() -> None:
    weight = np.tile([4.0, 3.0, 2.0, 1.0], 3)
    always = np.full(12, -1), np.full(12, DAYS)
    assortment = build_assortment(weight, CATEGORY, *always, DAYS)
    n = 20_000
    rng = np.random.default_rng(0)
    product = draw_products(assortment, np.ones(n, np.int64), np.zeros(n, np.int64), rng)
    share = np.bincount(product, minlength=12)[4:8] / n
    np.testing.assert_allclose(share, [0.4, 0.3, 0.2, 0.1], atol=0.015)
