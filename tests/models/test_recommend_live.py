"""Fresh actions change the answer at once, to the bit as training would have it."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from implicit.cpu.als import AlternatingLeastSquares
from scipy import sparse
from threadpoolctl import threadpool_limits

from models.bundle.sparse_rows import SparseRows
from models.recommend.als import Als
from models.recommend.bpr import Bpr
from models.recommend.factors import inner_products, on_grid
from models.recommend.fold_in import factor_gram, fold_in
from models.recommend.interactions import Interactions
from models.recommend.live import (
    SignalStrength,
    gathered,
    signal_weight,
    weighted_rows,
)

AS_OF = date(2026, 6, 1)
AS_OF_DAY = AS_OF.toordinal() - date(1970, 1, 1).toordinal()


def shop(seed: int = 0, n_lines: int = 800) -> Interactions:
    random = np.random.default_rng(seed)
    customers = [f"c{k:02d}" for k in random.integers(0, 50, n_lines)]
    products = [f"p{k:02d}" for k in (random.pareto(1.0, n_lines) * 5).astype(int) % 60]
    days = AS_OF_DAY - random.integers(1, 300, n_lines)
    return Interactions.from_arrays(customers, products, [f"o{day}" for day in days], days, AS_OF)


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.sampled_from([1e-20, 1.0, 1e20]))
def test_one_point_is_scored_to_the_bit_as_in_a_batch(seed: int, n: int, size: float) -> None:
    random = np.random.default_rng(seed)
    points = on_grid(random.normal(size=(n, 128)) * size)
    products = on_grid(random.normal(size=(333, 128)))
    together = inner_products(points, products)
    for row in {0, n // 2, n - 1}:
        alone = inner_products(points[row : row + 1], products)
        assert alone[0].tobytes() == together[row].tobytes()
    np.testing.assert_allclose(
        on_grid(points), points, err_msg="what is on the grid stays there", rtol=0
    )


def test_the_grid_moves_a_factor_by_a_millionth_of_the_largest() -> None:
    factors = np.random.default_rng(1).normal(size=(50, 64))
    moved = np.abs(on_grid(factors) - factors).max(axis=1)
    assert (moved <= np.abs(factors).max(axis=1) * 2**-20).all()
    assert not on_grid(np.zeros((2, 3))).any()


@pytest.mark.parametrize("model", [Als(factors=16), Bpr(factors=16)], ids=["als", "bpr"])
def test_a_batch_equals_its_customers_one_by_one(model: Als | Bpr) -> None:
    interactions = shop()
    model.fit(interactions)
    everybody = model.score(np.arange(interactions.n_customers), 20)
    for customer in range(interactions.n_customers):
        alone = model.score(np.array([customer]), 20)
        assert alone.indices.tolist() == everybody[customer].indices.tolist()
        assert alone.data.tobytes() == everybody[customer].data.tobytes()


@given(st.integers(0, 2**32 - 1))
def test_folding_in_solves_the_normal_equations(seed: int) -> None:
    random = np.random.default_rng(seed)
    products = random.normal(size=(30, 5))
    bought = random.choice(30, 6, replace=False)
    weights = random.uniform(0.1, 3, 6)
    point = fold_in(products, factor_gram(products), bought, weights, alpha=5.0, regularization=2.0)
    confidence = np.ones(30)
    confidence[bought] = 5.0 * weights
    preference = np.zeros(30)
    preference[bought] = 1.0
    scaled = products * confidence[:, None]
    solved = np.linalg.solve(products.T @ scaled + 2.0 * np.eye(5), scaled.T @ preference)
    np.testing.assert_allclose(point, solved, rtol=1e-4, atol=1e-6)


def test_folding_in_agrees_with_the_solver_that_trained() -> None:
    interactions = shop()
    counts = interactions.customer_matrix().astype(np.float32)
    with threadpool_limits(1, "blas"):
        solver = AlternatingLeastSquares(
            factors=8, regularization=3.0, alpha=4.0, num_threads=1, random_state=0, use_cg=False
        )
        solver.fit(counts, show_progress=False)
        theirs = solver.recalculate_user(np.arange(5), counts[:5])
    gram = factor_gram(solver.item_factors)
    for row in range(5):
        history = sparse.csr_matrix(counts[row])
        ours = fold_in(
            solver.item_factors, gram, history.indices, history.data, alpha=4.0, regularization=3.0
        )
        np.testing.assert_allclose(ours, theirs[row], rtol=2e-3, atol=1e-4)


def test_an_order_on_the_way_home_changes_the_answer_without_training() -> None:
    interactions = shop()
    model = Als(factors=16, regularization=1.0).fit(interactions)
    history: Any = interactions.customer_matrix(180.0)[:1].tolil()
    before = model.score_histories(sparse.csr_matrix(history), 60).toarray()[0]
    fresh = int(np.flatnonzero(history.toarray()[0] == 0)[0])
    history[0, fresh] = 1.0
    after = model.score_histories(sparse.csr_matrix(history), 60).toarray()[0]
    assert after[fresh] > before[fresh]
    nothing = sparse.csr_matrix((1, interactions.n_products))
    assert model.score_histories(nothing, 10).nnz == 0


def test_actions_weigh_by_kind_and_fade() -> None:
    strength = SignalStrength(session_half_life_hours=2.0, order_half_life_days=1.0)
    kinds = ["view", "view", "cart", "order", "order", "wish", "view"]
    ages = [0.0, 2.0, 4.0, 0.0, 48.0, 0.0, -5.0]
    weights = [signal_weight(k, age, strength) for k, age in zip(kinds, ages, strict=True)]
    assert weights == pytest.approx([0.3, 0.15, 0.15, 1.0, 0.25, 0.0, 0.3])


@given(st.integers(0, 2**32 - 1))
def test_row_sums_equal_the_matrix_product(seed: int) -> None:
    random = np.random.default_rng(seed)
    matrix = np.round(random.random((20, 20)) * (random.random((20, 20)) < 0.3), 3)
    rows = [{int(c): (float(row[c]),) for c in np.flatnonzero(row)} for row in matrix]
    asked = random.choice(20, random.integers(1, 7), replace=False)
    weights = {int(product): float(random.random()) for product in asked}
    entries = weighted_rows(SparseRows.from_rows(rows, {"score": np.float32}), weights)
    named, scores = gathered(*entries)
    question = np.zeros(20)
    question[list(weights)] = list(weights.values())
    full = question @ matrix
    assert sorted(named.tolist()) == sorted(set(named.tolist()))
    np.testing.assert_allclose(scores, full[named], atol=1e-6)
    assert set(np.flatnonzero(full).tolist()) <= set(named.tolist())


def test_no_weights_add_up_to_nothing() -> None:
    assert gathered(np.array([], dtype=int), np.array([]))[0].size == 0
