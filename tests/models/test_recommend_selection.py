"""What is shown: exactly so many, distinct, allowed; varied and exploring where wanted."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.recommend.selection import select

N_PRODUCTS = 30


@st.composite
def wishes(draw: st.DrawFn) -> dict[str, object]:
    """Candidates with gaps and repeats, and any choice of what is allowed."""
    product = st.integers(-1, N_PRODUCTS - 1)
    forbidden = draw(st.sets(st.integers(0, N_PRODUCTS - 1)))
    allowed = np.ones(N_PRODUCTS, dtype=np.bool_)
    allowed[list(forbidden)] = False
    random = np.random.default_rng(draw(st.integers(0, 99)))
    vectors = random.normal(size=(N_PRODUCTS, 4)).astype(np.float32)
    return {
        "ranked": np.array(draw(st.lists(product, max_size=40)), dtype=np.int64),
        "n": draw(st.integers(1, 40)),
        "allowed": allowed,
        "fallback": random.permutation(N_PRODUCTS),
        "vectors": vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
        "diversity": draw(st.sampled_from([0.0, 0.3, 1.0])),
        "explore": draw(st.integers(0, 5)),
        "seed": draw(st.integers(0, 9)),
    }


@given(wishes())
def test_exactly_n_distinct_and_allowed_or_a_stated_shortfall(wish: dict[str, object]) -> None:
    shown = select(**wish)
    allowed: NDArray[np.bool_] = wish["allowed"]
    assert allowed[shown.products].all()
    assert np.unique(shown.products).size == shown.products.size
    assert shown.products.size == min(wish["n"], allowed.sum())
    assert shown.shortfall == wish["n"] - shown.products.size
    assert shown.propensities.shape == shown.products.shape
    assert ((shown.propensities > 0) & (shown.propensities <= 1)).all()


@given(wishes())
def test_the_same_wish_gets_the_same_answer(wish: dict[str, object]) -> None:
    assert select(**wish).products.tolist() == select(**wish).products.tolist()


def everything() -> NDArray[np.bool_]:
    return np.ones(N_PRODUCTS, dtype=np.bool_)


def test_rank_decides_where_nothing_else_is_wanted() -> None:
    shown = select(np.array([7, 3, 7, -1, 5]), 4, everything(), np.array([3, 9, 1]))
    assert shown.products.tolist() == [7, 3, 5, 9]
    assert shown.propensities.tolist() == [1.0] * 4


def test_an_empty_catalogue_is_all_shortfall() -> None:
    nothing = np.zeros(0, dtype=np.int64)
    shown = select(nothing, 5, np.zeros(0, dtype=np.bool_), nothing)
    assert (shown.products.size, shown.shortfall) == (0, 5)


def test_diversity_prefers_the_unlike() -> None:
    vectors = np.zeros((N_PRODUCTS, 2), dtype=np.float32)
    vectors[[0, 1, 2]], vectors[3] = (1, 0), (0, 1)
    ranked, none = np.array([0, 1, 2, 3]), np.zeros(0, dtype=np.int64)
    plain = select(ranked, 2, everything(), none, vectors=vectors)
    varied = select(ranked, 2, everything(), none, vectors=vectors, diversity=0.6)
    assert plain.products.tolist() == [0, 1]
    assert varied.products.tolist() == [0, 3]


def test_propensities_are_how_often_chance_shows_a_product() -> None:
    ranked, n, draws = np.arange(N_PRODUCTS), 5, 4_000
    shown = np.zeros(N_PRODUCTS)
    for seed in range(draws):
        selection = select(ranked, n, everything(), ranked, explore=2, seed=seed)
        shown[selection.products] += 1
    assert (shown[:3] == draws).all()
    assert selection.propensities[:3].tolist() == [1.0] * 3
    explored = shown[3:25] / draws
    np.testing.assert_allclose(explored, selection.propensities[-1], atol=0.02)
    assert not shown[25:].any()
