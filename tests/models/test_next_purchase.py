"""The recommender that is served: chosen on one window, fitted on everything."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from features.errors import TrainingError
from models.next_purchase import NextPurchaseModel
from models.recommend.interactions import Interactions
from models.recommend.protocols import last_basket
from models.recommend.two_stage import TwoStage

AS_OF = date(2026, 6, 1)
AS_OF_DAY = (AS_OF - date(1970, 1, 1)).days
CUSTOMERS, PRODUCTS, FAVOURITES = 60, 30, 3
LIMIT = 12


def favourites(customer: int) -> list[int]:
    return [(customer * 7 + step * 11) % PRODUCTS for step in range(FAVOURITES)]


@pytest.fixture(scope="module")
def interactions() -> Interactions:
    """Everyone buys their favourites every fortnight, and now and then something else."""
    random = np.random.default_rng(0)
    lines = [
        (f"c{customer:02d}", f"p{product:02d}", f"o{order}", AS_OF_DAY - 14 * order - 1)
        for customer in range(CUSTOMERS)
        for order in range(5)
        for product in [*favourites(customer), int(random.integers(PRODUCTS))]
    ]
    return Interactions.from_arrays(*zip(*lines, strict=True), as_of=AS_OF)


@pytest.fixture(scope="module")
def truth() -> sparse.csr_matrix:
    """Next comes one or another favourite, and something at random."""
    random = np.random.default_rng(1)
    matrix = np.zeros((CUSTOMERS, PRODUCTS))
    for customer in range(CUSTOMERS):
        bought = random.choice(favourites(customer), 2, replace=False)
        matrix[customer, bought] = 1.0
        matrix[customer, random.integers(PRODUCTS)] = 1.0
    return sparse.csr_matrix(matrix)


@pytest.fixture(scope="module")
def model(interactions: Interactions, truth: sparse.csr_matrix) -> NextPurchaseModel:
    chosen = NextPurchaseModel(LIMIT).choose(interactions, truth, np.arange(CUSTOMERS))
    return chosen.fit(interactions)


def ids(*customers: int) -> list[str]:
    return [f"c{customer:02d}" for customer in customers]


def test_favourites_come_first(model: NextPurchaseModel) -> None:
    everyone = np.arange(CUSTOMERS)
    ranked = model.rank(everyone, FAVOURITES)
    found = [len(set(ranked[customer]) & set(favourites(customer))) for customer in everyone]
    assert np.mean(found) > 0.9 * FAVOURITES


def test_weights_are_shares_of_one(model: NextPurchaseModel) -> None:
    assert sum(model.weights_.values()) == pytest.approx(1.0)
    assert min(model.weights_.values()) >= 0


def test_probabilities_are_calibrated_where_they_were_learned(
    model: NextPurchaseModel, truth: sparse.csr_matrix
) -> None:
    _, chances = model.candidates(ids(*range(CUSTOMERS)))
    happened = truth[chances.nonzero()]
    assert 0 < chances.data.min() <= chances.data.max() < 1
    assert chances.data.mean() == pytest.approx(happened.mean(), rel=0.02)


def test_scores_and_probabilities_are_of_the_same_candidates(model: NextPurchaseModel) -> None:
    scores, chances = model.candidates([*ids(3, 1), "a stranger"])
    np.testing.assert_array_equal(scores.indices, chances.indices)
    np.testing.assert_array_equal(scores.indptr, chances.indptr)
    assert np.diff(scores.indptr).tolist() == [LIMIT] * 3


def test_strangers_get_what_is_popular(
    model: NextPurchaseModel, interactions: Interactions
) -> None:
    stranger = model.rank(np.array([-1]), 5)[0]
    assert len(set(stranger.tolist())) == 5
    popularity = interactions.popularity()
    assert popularity[stranger].min() >= np.median(popularity)


def test_nobody_has_no_candidates(model: NextPurchaseModel) -> None:
    scores, chances = model.candidates([])
    assert scores.shape == chances.shape == (0, PRODUCTS)


def test_one_customer_alone_gets_what_the_batch_gives(model: NextPurchaseModel) -> None:
    together = model.candidates(ids(*range(CUSTOMERS)))
    alone = model.candidates(ids(17))
    for whole, part in zip(together, alone, strict=True):
        row = whole[17]
        np.testing.assert_array_equal(row.indices, part.indices)
        assert row.data.tobytes() == part.data.tobytes()


def test_a_saved_choice_fitted_again_ranks_the_same_to_the_bit(
    model: NextPurchaseModel, interactions: Interactions, tmp_path: Path
) -> None:
    model.save(tmp_path)
    loaded = NextPurchaseModel.load(tmp_path).fit(interactions)
    everyone = ids(*range(CUSTOMERS))
    for ours, theirs in zip(model.candidates(everyone), loaded.candidates(everyone), strict=True):
        np.testing.assert_array_equal(ours.indices, theirs.indices)
        assert ours.data.tobytes() == theirs.data.tobytes()
    assert {path.suffix for path in tmp_path.rglob("*") if path.is_file()} <= {".json", ".npz"}


def test_choosing_reports_as_many_steps_as_promised(
    interactions: Interactions, truth: sparse.csr_matrix
) -> None:
    told: list[None] = []
    model = NextPurchaseModel(LIMIT)
    model.choose(interactions, truth, np.arange(CUSTOMERS), lambda: told.append(None))
    assert len(told) == model.choose_steps


def test_a_window_without_orders_teaches_nothing(interactions: Interactions) -> None:
    nothing, nobody = sparse.csr_matrix((0, PRODUCTS)), np.zeros(0, dtype=np.int64)
    with pytest.raises(TrainingError) as raised:
        NextPurchaseModel(LIMIT).choose(interactions, nothing, nobody)
    assert "longer history" in raised.value.remedy


def test_weights_that_are_noise_give_way_to_plain_frequency(interactions: Interactions) -> None:
    """Ten customers whose next order is random cannot show that a blend is worth anything."""
    random = np.random.default_rng(3)
    matrix = np.zeros((10, PRODUCTS))
    matrix[np.arange(10), random.integers(PRODUCTS, size=10)] = 1.0
    chosen = NextPurchaseModel(LIMIT).choose(interactions, sparse.csr_matrix(matrix), np.arange(10))
    assert chosen.weights_ == {"frequency": 1.0}


def turns() -> Interactions:
    """Each customer has two favourites and buys them in turn: what is due is never the latest."""
    random = np.random.default_rng(0)
    lines = [
        (f"c{customer:03d}", f"p{product:02d}", f"o{order}", AS_OF_DAY - 14 * (7 - order))
        for customer in range(100)
        for order in range(7)
        for product in ((customer + 7 * (order % 2)) % PRODUCTS, int(random.integers(PRODUCTS)))
    ]
    return Interactions.from_arrays(*zip(*lines, strict=True), as_of=AS_OF)


def test_two_stages_are_chosen_where_they_clearly_win(tmp_path: Path) -> None:
    window = last_basket(turns())
    chosen = NextPurchaseModel(LIMIT).choose(window.known, window.truth, window.customers)
    assert chosen.stages_ == 2
    chosen.fit(window.known).save(tmp_path)
    loaded = NextPurchaseModel.load(tmp_path).fit(window.known)
    everyone = window.known.customer_ids
    for ours, theirs in zip(chosen.candidates(everyone), loaded.candidates(everyone), strict=True):
        np.testing.assert_array_equal(ours.indices, theirs.indices)
        assert ours.data.tobytes() == theirs.data.tobytes()


def test_the_second_stage_that_won_is_the_one_that_serves() -> None:
    """Bringing it up to another day changes what it knows of customers, not what it was learned."""
    window = last_basket(turns())
    chosen = NextPurchaseModel(LIMIT).choose(window.known, window.truth, window.customers)
    assert chosen.learned_ranking_ is not None
    before = chosen.fit(window.known).candidates(["c007"])[0]
    served = chosen.fit(turns()).blend_
    assert isinstance(served, TwoStage)
    assert served.learned_ranking.ranker is chosen.learned_ranking_.ranker
    np.testing.assert_array_equal(served.learned_ranking.weights, chosen.learned_ranking_.weights)
    after = chosen.candidates(["c007"])[0]
    assert before.data.tobytes() != after.data.tobytes()


def test_one_stage_stays_where_two_add_nothing(model: NextPurchaseModel) -> None:
    assert model.stages_ == 1
