"""Views and cart additions predict what will be bought, with weights that are learned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from features.errors import TrainingError
from models.recommend.actions import Actions
from models.recommend.behaviours import Behaviours

END = 100.0


def window_shop(seed: int = 0) -> Actions:
    """Everybody views six products, puts two of them aside, and buys those a week later."""
    random = np.random.default_rng(seed)
    rows = []
    for customer in range(120):
        begin = random.uniform(0, 85)
        viewed = random.choice(40, 6, replace=False)
        rows += [(customer, product, "view", begin + 0.01 * k) for k, product in enumerate(viewed)]
        rows += [(customer, product, "cart", begin + 0.1) for product in viewed[:2]]
        rows += [(customer, product, "buy", begin + 7) for product in viewed[:2]]
    customers, products, kinds, days = zip(*rows, strict=True)
    return Actions.from_arrays(
        [f"c{k:03d}" for k in customers], [f"p{k:02d}" for k in products], kinds, days, END
    )


def window(
    actions: Actions, cutoff: float, horizon: float = 8.0
) -> tuple[Actions, np.ndarray[tuple[int], np.dtype[np.int64]], sparse.csr_matrix[np.float64]]:
    truth = sparse.csr_matrix(
        actions.before(cutoff + horizon).matrix(["buy"]) - actions.before(cutoff).matrix(["buy"])
    )
    truth.eliminate_zeros()
    known = actions.before(cutoff)
    customers = np.intersect1d(np.unique(known.customers), np.flatnonzero(np.diff(truth.indptr)))
    return known, customers, sparse.csr_matrix(truth[customers])


def test_what_was_put_aside_is_learned_to_be_bought() -> None:
    actions = window_shop()
    model = Behaviours().choose([window(actions, 40.0), window(actions, 50.0)])
    known, customers, truth = window(actions, 70.0)
    answers = model.fit(known).score(customers, 2)
    assert answers.multiply(truth).nnz / truth.nnz > 0.9
    assert model.source_weights_ is not None
    assert model.source_weights_["own_cart"] > model.source_weights_["own_view"]


def test_what_was_bought_is_not_recommended_and_strangers_get_the_trend() -> None:
    actions = window_shop()
    model = Behaviours().fit(actions)
    everybody = np.arange(-1, actions.customer_ids.size)
    answers = model.score(everybody, 5)
    assert answers[1:].multiply(model.bought_).nnz == 0
    assert answers[0].nnz == 5
    assert (np.diff(answers.indptr) <= 5).all()


def test_one_alone_equals_the_batch_and_a_saved_model_the_first(tmp_path: Path) -> None:
    actions = window_shop()
    model = Behaviours(("view", "buy")).choose([window(actions, 60.0)]).fit(actions)
    model.save(tmp_path)
    together = model.score(np.arange(20), 7)
    for answers in (model, Behaviours.load(tmp_path)):
        for customer in (0, 7, 19):
            alone = answers.score(np.array([customer]), 7)
            assert alone.indices.tolist() == together[customer].indices.tolist()
            assert alone.data.tobytes() == together[customer].data.tobytes()


def test_an_action_weighs_by_its_latest_time() -> None:
    actions = Actions.from_arrays(
        ["a", "a", "a", "b"], ["x", "x", "y", "x"], ["view", "view", "buy", "cart"],
        [10.0, 20.0, 24.0, 3.0], 30.0,
    )  # fmt: skip
    faded = actions.matrix(["view", "buy"], half_life_days=10.0).toarray()
    np.testing.assert_allclose(faded, [[0.5, 2**-0.6], [0, 0]])
    assert actions.before(15.0).matrix(["view", "cart", "buy"]).toarray().tolist() == [
        [1, 0],
        [1, 0],
    ]


def test_no_action_may_come_from_the_future_or_be_of_another_kind() -> None:
    with pytest.raises(ValueError, match="cutoff"):
        Actions.from_arrays(["a"], ["x"], ["view"], [30.0], 30.0)
    with pytest.raises(ValueError, match="view, cart, buy"):
        Actions.from_arrays(["a"], ["x"], ["wish"], [3.0], 30.0)


def test_without_anything_to_learn_from_it_says_so() -> None:
    actions = window_shop()
    known, customers, truth = window(actions, 60.0)
    with pytest.raises(TrainingError, match="validation window"):
        Behaviours().choose([(known, customers, sparse.csr_matrix(truth.shape))])
    none = Actions.from_arrays([], [], [], [], END)
    assert Behaviours().fit(none).score(np.array([-1]), 3).shape == (1, 0)
