"""Acceptance probabilities: calibrated on a shop whose truth is known."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import expit

from features.errors import TrainingError
from models.recommend.acceptance import Acceptance, Habits
from models.recommend.blend import Blend
from models.recommend.interactions import Interactions
from models.recommend.matrices import Candidates, row_numbers

AS_OF = date(1970, 12, 27)
AS_OF_DAY = 360
N_CUSTOMERS, N_PRODUCTS = 1_500, 60


def tastes(random: np.random.Generator) -> NDArray[np.float64]:
    """P(product in an order) of each customer: popular products, and a few favourites each."""
    popularity = np.linspace(-2.5, -5.5, N_PRODUCTS)
    favourites = 3.0 * (random.random((N_CUSTOMERS, N_PRODUCTS)) < 0.08)
    appetite = random.normal(0, 0.5, (N_CUSTOMERS, 1))
    return np.asarray(expit(popularity + favourites + appetite))


def simulated(seed: int) -> tuple[Interactions, sparse.csr_matrix[np.float64]]:
    """Orders of a year by fixed tastes, and one more order of each customer as the truth."""
    random = np.random.default_rng(seed)
    chances = tastes(random)
    orders = random.integers(1, 12, N_CUSTOMERS)
    owner = np.repeat(np.arange(N_CUSTOMERS), orders)
    days = random.integers(0, AS_OF_DAY, owner.size)
    order, product = np.nonzero(random.random((owner.size, N_PRODUCTS)) < chances[owner])
    names = np.array([f"{number:05d}" for number in range(owner.size)])
    shop = Interactions.from_arrays(
        names[owner[order]], names[product], names[order], days[order], AS_OF
    )
    bought = random.random((N_CUSTOMERS, N_PRODUCTS)) < chances
    seen = shop.customer_index(names[:N_CUSTOMERS]) >= 0
    listed = np.flatnonzero(np.isin(names[:N_PRODUCTS], shop.product_ids))
    return shop, sparse.csr_matrix(bought[seen][:, listed].astype(np.float64))


def recommended(shop: Interactions) -> tuple[Candidates, Habits, NDArray[np.int64]]:
    blend = Blend(weights={"personal": 0.8, "popular": 0.2}).fit(shop)
    asked = np.arange(shop.n_customers)
    return blend.score(asked, 20), Habits.from_interactions(shop, asked), blend.ties_


def outcomes(candidates: Candidates, truth: sparse.csr_matrix[np.float64]) -> NDArray[np.float64]:
    return truth.toarray()[row_numbers(candidates), candidates.indices]


def expected_calibration_error(chances: NDArray[np.float32], bought: NDArray[np.float64]) -> float:
    gaps = [
        abs(chances[part].mean() - bought[part].mean()) * part.size / chances.size
        for part in np.array_split(np.argsort(chances), 10)
    ]
    return float(sum(gaps))


def test_probabilities_are_calibrated_on_another_sample_of_the_same_shop() -> None:
    shop, truth = simulated(seed=0)
    candidates, habits, ties = recommended(shop)
    model = Acceptance().fit(candidates, truth, habits, ties)
    other_shop, other_truth = simulated(seed=1)
    candidates, habits, ties = recommended(other_shop)
    chances = model.predict(candidates, habits, ties).data
    bought = outcomes(candidates, other_truth)
    assert expected_calibration_error(chances, bought) < 0.01
    top, bottom = chances >= np.quantile(chances, 0.9), chances <= np.quantile(chances, 0.1)
    assert bought[top].mean() == pytest.approx(chances[top].mean(), rel=0.15)
    assert bought[top].mean() > 5 * bought[bottom].mean()
    base_rate = np.full_like(chances, bought.mean())
    assert np.mean((chances - bought) ** 2) < 0.95 * np.mean((base_rate - bought) ** 2)


def test_probabilities_lie_where_the_scores_lie_and_survive_a_round_trip(tmp_path: Path) -> None:
    shop, truth = simulated(seed=2)
    candidates, habits, ties = recommended(shop)
    model = Acceptance().fit(candidates, truth, habits, ties)
    model.save(tmp_path)
    chances = model.predict(candidates, habits, ties)
    loaded = Acceptance.load(tmp_path).predict(candidates, habits, ties)
    np.testing.assert_array_equal(chances.indices, candidates.indices)
    np.testing.assert_array_equal(chances.indptr, candidates.indptr)
    assert chances.data.tobytes() == loaded.data.tobytes()
    assert ((chances.data > 0) & (chances.data < 1)).all()


def test_habits_by_hand_and_of_the_unknown() -> None:
    shop = Interactions.from_arrays(
        ["a", "a", "a", "b"],
        ["x", "y", "x", "z"],
        ["1", "1", "2", "3"],
        [359, 359, 358, 359],
        AS_OF,
    )
    habits = Habits.from_interactions(shop, np.array([0, -1, 1]))
    by_hand = np.array([[2 / 3, 1 / 3, 0], [0, 0, 0], [0, 0, 1 / 2]])
    np.testing.assert_allclose(habits.personal_share.toarray(), by_hand)
    np.testing.assert_allclose(habits.basket_size, [3 / 2, 4 / 3, 1])
    np.testing.assert_allclose(habits.popularity_share, [2 / 3, 1 / 3, 1 / 3], rtol=0.02)


def test_a_window_in_which_nothing_was_bought_teaches_nothing() -> None:
    shop, truth = simulated(seed=3)
    candidates, habits, ties = recommended(shop)
    with pytest.raises(TrainingError, match="teaches no probability"):
        Acceptance().fit(candidates, sparse.csr_matrix(truth.shape), habits, ties)
