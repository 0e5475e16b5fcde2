"""Rows of equal score share what their group holds, so that no order among them matters."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.metrics.ties import shared_by_ties

ROWS = st.lists(st.tuples(st.integers(-9, 99), st.sampled_from([0.2, 0.5, 0.9])), min_size=1)


def test_rows_of_equal_score_get_their_mean() -> None:
    shared = shared_by_ties(np.array([1.0, 0.0, 7.0, 5.0]), np.array([0.3, 0.1, 0.3, 0.9]))
    assert shared.tolist() == [4.0, 0.0, 4.0, 5.0]


@given(ROWS, st.integers(0, 2**32 - 1))
def test_the_total_stays_and_the_order_of_rows_is_irrelevant(
    rows: list[tuple[int, float]], seed: int
) -> None:
    values, scores = np.array(rows, dtype=np.float64).T
    shared = shared_by_ties(values, scores)
    np.testing.assert_allclose(shared.sum(), values.sum(), atol=1e-9)
    order = np.random.default_rng(seed).permutation(len(rows))
    np.testing.assert_allclose(shared_by_ties(values[order], scores[order]), shared[order])
