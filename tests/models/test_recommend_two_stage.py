"""Two stages: trained on each customer's own past, and on nothing later."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from models.metrics.ranking import hits, ndcg_at, truth_sizes
from models.recommend.candidates import shortlist
from models.recommend.frequency import Frequency
from models.recommend.interactions import Interactions
from models.recommend.protocols import last_basket
from models.recommend.ranker import LabelledLists, Ranker, RankerParameters
from models.recommend.topk import ranked_products, tie_order
from models.recommend.two_stage import TwoStage

AS_OF = date(1970, 8, 1)
CUSTOMERS, PRODUCTS, ORDERS = 120, 40, 7
QUICK = RankerParameters(rounds=25)


def due_shop(seed: int = 0, customers: int = CUSTOMERS) -> Interactions:
    """Each customer buys two favourites every other order, in turn, and one thing at random.

    Frequency cannot tell which favourite is due; the time since it was bought can.
    """
    random = np.random.default_rng(seed)
    lines = [
        (f"c{customer:03d}", f"p{product:02d}", f"{number}", 14 * number + 1)
        for customer in range(customers)
        for number in range(ORDERS)
        for product in (
            *[(customer * 7 + 3 * k) % PRODUCTS for k in range(4) if (k + number) % 2 == 0],
            int(random.integers(PRODUCTS)),
        )
    ]
    return Interactions.from_arrays(*zip(*lines, strict=True), as_of=AS_OF)


@pytest.fixture(scope="module")
def window():
    return last_basket(due_shop())


@pytest.fixture(scope="module")
def model(window) -> TwoStage:
    return TwoStage(ranker=QUICK).fit(window.known)


def points(scores: sparse.csr_matrix, window) -> float:
    ties = tie_order(window.known.popularity())
    found = hits(ranked_products(scores, 10, ties), window.truth)
    return float(np.nanmean(ndcg_at(found, truth_sizes(window.truth), 10)))


def test_the_second_stage_learns_what_is_due(model: TwoStage, window) -> None:
    plain = Frequency(popular_fill=True).fit(window.known)
    ours = points(model.score(window.customers, 10), window)
    theirs = points(plain.score(window.customers, 10), window)
    assert ours > theirs + 0.1


def test_a_time_window_teaches_as_well(window) -> None:
    before = window.known.kept(window.known.days < 85, 85)
    by_time = TwoStage(horizon_days=14, ranker=QUICK).fit(before)
    assert by_time.ranker_.booster_ is not None
    plain = Frequency(popular_fill=True).fit(window.known)
    assert points(by_time.score(window.customers, 10), window) > points(
        plain.score(window.customers, 10), window
    )


def test_what_comes_later_teaches_nothing(window, model: TwoStage) -> None:
    """Whatever the last baskets were, the model of what was known before is the same."""
    changed = due_shop()
    judged = np.isin(changed.orders, np.unique(changed.orders[changed.days == changed.days.max()]))
    moved = np.where(judged, (changed.products + 11) % PRODUCTS, changed.products)
    other = Interactions.from_arrays(
        changed.customer_ids[changed.customers],
        changed.product_ids[moved],
        changed.orders,
        changed.days,
        AS_OF,
    )
    known = last_basket(other).known
    again = TwoStage(ranker=QUICK).fit(known)
    asked = np.arange(CUSTOMERS)
    assert again.score(asked, 10).data.tobytes() == model.score(asked, 10).data.tobytes()


def test_a_loaded_model_would_be_trained_as_the_saved_one(model: TwoStage, tmp_path: Path) -> None:
    sampled = TwoStage(horizon_days=14, training_windows=2, ranker=QUICK, max_training_customers=50)
    sampled.adopt(model.learned_ranking).refit(model.interactions_).save(tmp_path)
    loaded = TwoStage.load(tmp_path)
    options = ("depth", "candidates", "horizon_days", "training_windows", "max_training_customers")
    for option in (*options, "ranker"):
        assert getattr(loaded, option) == getattr(sampled, option), option


def test_the_seed_decides_and_the_same_seed_decides_alike(window) -> None:
    asked = window.customers

    def score(seed: int) -> bytes:
        ranker = RankerParameters(rounds=8, row_share=0.5, column_share=0.3, seed=seed)
        return TwoStage(ranker=ranker).fit(window.known).score(asked, 20).data.tobytes()

    assert score(1) == score(1)
    assert score(1) != score(2)


@pytest.mark.parametrize("limit", [1, 7, PRODUCTS, 100])
def test_rows_are_exactly_as_long_as_asked_or_as_the_catalogue(model: TwoStage, limit: int) -> None:
    scores = model.score(np.array([0, -1, 5]), limit)
    assert np.diff(scores.indptr).tolist() == [min(limit, PRODUCTS)] * 3
    assert scores.has_canonical_format


def test_products_that_only_popularity_names_are_not_personal(model: TwoStage) -> None:
    asked = np.array([3, -1])
    scores, personal = model.score_with_origin(asked, PRODUCTS)
    own, strange = np.split(personal, [scores.indptr[1]])
    assert own.any()
    assert not strange.any()


@pytest.mark.parametrize(
    ("customers", "products", "orders", "days"),
    [([], [], [], []), (["a"], ["x"], ["1"], [3]), (["a", "a"], ["x", "x"], ["1", "2"], [3, 9])],
    ids=["empty catalogue", "one customer, one order", "one customer, one product"],
)
def test_little_to_learn_from_is_enough(
    customers: list[str], products: list[str], orders: list[str], days: list[int]
) -> None:
    shop = Interactions.from_arrays(customers, products, orders, days, AS_OF)
    for horizon_days in (None, 30):
        model = TwoStage(horizon_days=horizon_days).fit(shop)
        scores = model.score(np.array([-1, *range(shop.n_customers)]), 5)
        assert (np.diff(scores.indptr) == shop.n_products).all()


def test_a_short_list_keeps_the_products_of_every_source() -> None:
    first = sparse.csr_matrix(np.array([[0, 4, 2], [0, 0, 0]], dtype=np.float32))
    second = sparse.csr_matrix(np.array([[5, 1, 0], [0, 0, 0]], dtype=np.float32))
    named = shortlist([first, second])
    assert named.products.tolist() == [0, 1, 2]
    assert named.scores.tolist() == [[0, 5], [4, 1], [2, 0]]
    np.testing.assert_allclose(named.relative(), [[0, 1], [1, 1 / 5], [1 / 2, 0]])
    assert named.sizes.tolist() == [3, 0]
    ties = np.array([2, 1, 0])
    assert named.ranks(np.array([1.0, 1.0, 3.0]), ties).tolist() == [3, 2, 1]
    assert named.matrix(np.array([7.0, 8.0, 9.0])).toarray().tolist() == [[7, 8, 9], [0, 0, 0]]


def test_a_ranker_with_nothing_to_learn_from_leaves_the_order_alone() -> None:
    nothing_bought = LabelledLists(
        np.zeros((4, 2), np.float32), np.zeros(4, np.bool_), np.array([4])
    )
    ranker = Ranker().fit([nothing_bought])
    assert ranker.booster_ is None
    assert ranker.predict(np.ones((3, 2), np.float32)).tolist() == [0, 0, 0]


def test_strangers_get_what_is_popular(model: TwoStage, window) -> None:
    popularity = window.known.popularity()
    stranger = model.score(np.array([-1]), 5).indices
    assert popularity[stranger].mean() >= np.median(popularity)
