"""Variety and popularity of lists against hand-counted ones."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from models.metrics.beyond_accuracy import diversity_at, popularity_bias_at, product_vectors


def unit_vectors(seed: int, n: int = 12) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(n, 5))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@given(st.integers(0, 50), st.lists(st.integers(0, 11), min_size=2, max_size=8, unique=True))
def test_diversity_is_one_less_the_mean_cosine_of_all_pairs(seed: int, listed: list[int]) -> None:
    vectors = unit_vectors(seed)
    pairs = [vectors[a] @ vectors[b] for a, b in itertools.combinations(listed, 2)]
    measured = diversity_at(np.array([[*listed, -1]]), vectors, 9)
    np.testing.assert_allclose(measured, [1 - np.mean(pairs)])


def test_one_product_or_none_has_no_diversity() -> None:
    assert np.isnan(diversity_at(np.array([[3, -1], [-1, -1]]), unit_vectors(0), 2)).all()


def test_popularity_bias_compares_the_list_with_the_history() -> None:
    buyers = np.array([10, 2, 4, 8])
    history = sparse.csr_matrix(np.array([[0, 3, 1, 0], [0, 0, 0, 0]]))
    bias = popularity_bias_at(np.array([[0, 3], [0, 3]]), history, buyers, 2)
    np.testing.assert_allclose(bias, [9 / 3, np.nan])


def test_product_vectors_have_the_cosines_of_their_buyers() -> None:
    random = np.random.default_rng(0)
    dense = (random.random((300, 20)) < 0.2).astype(float)
    dense[:, 1] = dense[:, 0]
    dense[:, 19] = 0
    lengths = np.linalg.norm(dense, axis=0)
    exact = dense.T @ dense / np.maximum(np.outer(lengths, lengths), 1)
    vectors = product_vectors(sparse.csr_matrix(dense), dimensions=2_000)
    np.testing.assert_allclose(vectors @ vectors.T, exact, atol=0.12)
    assert (vectors[0] @ vectors[1]) == pytest.approx(1, abs=1e-5)
    assert not vectors[19].any()
