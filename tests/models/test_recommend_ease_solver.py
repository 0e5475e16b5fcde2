"""EASE on either side, sparse, and where the catalogue is too large."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from models.recommend.ease_solver import ease_rows, ease_weights, solvable


def random_rows(seed: int, n_rows: int, n_products: int) -> sparse.csr_matrix[np.float64]:
    random = np.random.default_rng(seed)
    return sparse.csr_matrix((random.random((n_rows, n_products)) < 0.3).astype(float))


@given(st.integers(0, 2**32 - 1), st.integers(2, 30), st.integers(2, 30))
@settings(max_examples=30, deadline=None)
def test_both_sides_give_the_same_weights(seed: int, n_rows: int, n_products: int) -> None:
    matrix = random_rows(seed, n_rows, n_products)
    solved = ease_rows(matrix, 2.0, n_products, signed=True).toarray()
    dense = ease_weights((matrix.T @ matrix).toarray(), 2.0)
    np.testing.assert_allclose(solved, dense, atol=1e-5)


def test_positive_rows_are_the_largest_of_the_dense_ones() -> None:
    matrix = random_rows(3, 40, 12)
    kept = ease_rows(matrix, 1.0, 3).toarray()
    dense = np.maximum(ease_weights((matrix.T @ matrix).toarray(), 1.0), 0)
    for row, full in zip(kept, dense, strict=True):
        assert sorted(row[row > 0]) == pytest.approx(sorted(full[full > 0])[-3:], rel=1e-5)


def test_signed_rows_keep_negative_weights() -> None:
    # Two teas are each bought with sugar, never both.
    rows = sparse.csr_matrix(np.array([[1, 0, 1], [0, 1, 1]] * 20, dtype=float))
    weights = ease_rows(rows, 1.0, 3, signed=True).toarray()
    assert weights[0, 1] < 0 < weights[0, 2]
    assert (ease_rows(rows, 1.0, 3).toarray() >= 0).all()


def test_a_wide_catalogue_of_few_rows_is_solved_whole() -> None:
    matrix = random_rows(0, 10, 50)
    assert solvable(matrix, 10).size == 50
    assert solvable(matrix, 9).size == 9
    assert solvable(random_rows(0, 9, 50), 9).size == 45


def test_those_that_take_part_are_in_most_rows() -> None:
    matrix = random_rows(1, 60, 20)
    taken = solvable(matrix, 5)
    in_rows = np.bincount(matrix.indices, minlength=20)
    assert in_rows[taken].min() >= np.delete(in_rows, taken).max()


def test_products_met_too_rarely_take_no_part() -> None:
    rows = sparse.csr_matrix(np.array([[1, 1, 0], [1, 1, 0], [1, 0, 1]], dtype=float))
    weights = ease_rows(rows, 1.0, 3, least_rows=2)
    assert weights[2].nnz == 0
    assert weights[:, 2].nnz == 0
    assert weights[0, 1] > 0


@pytest.mark.parametrize("shape", [(0, 0), (3, 0), (0, 4), (2, 4)])
def test_nothing_bought_gives_empty_weights(shape: tuple[int, int]) -> None:
    weights = ease_rows(sparse.csr_matrix(shape), 1.0, 5)
    assert weights.shape == (shape[1], shape[1])
    assert weights.nnz == 0
