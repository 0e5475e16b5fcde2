"""Choosing the best of each row: exact ties, exact lengths, blocks that do not show."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from scipy import sparse

from models.recommend.matrices import rows_of
from models.recommend.topk import (
    fill_with_popular,
    ranked_products,
    ranks,
    score_in_blocks,
    tie_order,
    top_per_row,
)

Matrix = NDArray[np.float32]
small_scores = arrays.arrays(
    np.float32,
    st.tuples(st.integers(0, 5), st.just(6)),
    elements=st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.0]),
)
popularities = arrays.arrays(np.int64, 6, elements=st.integers(0, 3))
limits = st.integers(1, 8)


def naive_ranking(row: Matrix, popularity: NDArray[np.int64], limit: int) -> list[int]:
    """Positive scores by (score, popularity, id), in the words of the definition."""
    positive = [product for product in range(row.size) if row[product] > 0]
    return sorted(positive, key=lambda p: (-row[p], -popularity[p], p))[:limit]


def test_ties_go_to_the_popular_and_then_to_the_first_id() -> None:
    assert tie_order(np.array([1, 5, 5, 0])).tolist() == [2, 0, 1, 3]


@given(small_scores, popularities, limits)
def test_ranking_agrees_with_the_definition(
    scores: Matrix, popularity: NDArray[np.int64], limit: int
) -> None:
    ties = tie_order(popularity)
    for form in (scores, sparse.csr_matrix(scores)):
        ranked = ranked_products(top_per_row(form, limit, ties), limit, ties)
        for row, listed in zip(scores, ranked.tolist(), strict=True):
            expected = naive_ranking(row, popularity, limit)
            assert listed == expected + [-1] * (limit - len(expected))


def test_long_rows_of_uneven_length_are_cut_as_short_ones_are() -> None:
    random = np.random.default_rng(0)
    stored = random.random((12, 900)) < random.random((12, 1))
    # Few different values, so that ties stand at every cut.
    scores = np.where(stored, random.integers(0, 40, stored.shape) / 8, 0).astype(np.float32)
    popularity = random.integers(0, 50, 900)
    ties = tie_order(popularity)
    for limit in (1, 7, 60):
        ranked = ranked_products(top_per_row(sparse.csr_matrix(scores), limit, ties), limit, ties)
        for row, listed in zip(scores, ranked.tolist(), strict=True):
            assert [place for place in listed if place >= 0] == naive_ranking(
                row, popularity, limit
            )


@given(small_scores, popularities, limits)
def test_filling_keeps_the_ranking_and_completes_it_by_popularity(
    scores: Matrix, popularity: NDArray[np.int64], limit: int
) -> None:
    ties = tie_order(popularity)
    filled = fill_with_popular(top_per_row(scores, limit, ties), limit, ties)
    ranked = ranked_products(filled, limit, ties)
    for row, listed in zip(scores, ranked.tolist(), strict=True):
        own = naive_ranking(row, popularity, limit)
        others = [p for p in np.argsort(ties).tolist() if p not in own]
        expected = (own + others)[:limit]
        assert listed == expected + [-1] * (limit - len(expected))


@given(small_scores, popularities)
def test_ranks_number_each_row_from_one(scores: Matrix, popularity: NDArray[np.int64]) -> None:
    ties = tie_order(popularity)
    candidates = top_per_row(scores, 6, ties)
    numbered = sparse.csr_matrix(
        (ranks(candidates, ties), candidates.indices, candidates.indptr), shape=candidates.shape
    ).toarray()
    for row, listed in enumerate(ranked_products(candidates, 6, ties).tolist()):
        present = [product for product in listed if product >= 0]
        assert numbered[row, present].tolist() == list(range(1, len(present) + 1))


def test_scores_equal_in_float32_are_a_tie() -> None:
    nearly_equal = np.array([[1.0, 1.0 + 1e-12]])
    assert top_per_row(nearly_equal, 1, tie_order(np.array([9, 1]))).indices.tolist() == [0]


def test_blocks_do_not_show() -> None:
    random = np.random.default_rng(0)
    scores = random.random((700, 9_000), dtype=np.float32)
    ties = tie_order(random.integers(0, 50, 9_000))
    whole = top_per_row(scores, 5, ties)
    customers = np.array([3, -1, 699, 3, -2])
    in_blocks = score_in_blocks(customers, 5, ties, lambda block: scores[block])
    expected = rows_of(whole, customers)
    np.testing.assert_array_equal(in_blocks.toarray(), expected.toarray())
    assert np.diff(in_blocks.indptr).tolist() == [5, 0, 5, 5, 0]
    again = score_in_blocks(np.arange(700), 5, ties, lambda block: scores[block])
    np.testing.assert_array_equal(again.toarray(), whole.toarray())
