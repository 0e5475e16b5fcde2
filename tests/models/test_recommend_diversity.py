"""Diversity: exactly so many distinct products, by rank, or unlike each other where wanted."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.recommend.diversity import diversified

N_PRODUCTS = 30
Wish = tuple[NDArray[np.int64], int, NDArray[np.float32]]


@st.composite
def wishes(draw: st.DrawFn) -> Wish:
    """Distinct products in some order, how many of them to show, and random directions."""
    products = draw(st.lists(st.integers(0, N_PRODUCTS - 1), unique=True))
    random = np.random.default_rng(draw(st.integers(0, 99)))
    vectors = random.normal(size=(N_PRODUCTS, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.array(products, dtype=np.int64), draw(st.integers(1, 40)), vectors


@given(wishes(), st.sampled_from([0.0, 0.3, 1.0]))
def test_exactly_n_distinct_products_of_the_ranking_or_all_of_them(
    wish: Wish, diversity: float
) -> None:
    ranked, n, vectors = wish
    shown = diversified(ranked, n, vectors, diversity).tolist()
    assert len(shown) == min(n, ranked.size)
    assert len(set(shown)) == len(shown)
    assert set(shown) <= set(ranked.tolist())


@given(wishes())
def test_rank_decides_where_no_diversity_is_wanted(wish: Wish) -> None:
    ranked, n, vectors = wish
    assert diversified(ranked, n, vectors, 0.0).tolist() == ranked[:n].tolist()


@given(wishes(), st.sampled_from([0.3, 1.0]))
def test_the_best_product_comes_first_whatever_the_diversity(wish: Wish, diversity: float) -> None:
    ranked, n, vectors = wish
    assert diversified(ranked, n, vectors, diversity)[:1].tolist() == ranked[:1].tolist()


def test_diversity_prefers_the_unlike() -> None:
    vectors = np.zeros((N_PRODUCTS, 2), dtype=np.float32)
    vectors[[0, 1, 2]], vectors[3] = (1, 0), (0, 1)
    ranked = np.array([0, 1, 2, 3])
    assert diversified(ranked, 2, vectors, 0.0).tolist() == [0, 1]
    assert diversified(ranked, 2, vectors, 0.6).tolist() == [0, 3]
