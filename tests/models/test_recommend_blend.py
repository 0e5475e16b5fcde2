"""The blend and the choice of its weights."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import sparse

from features.errors import TrainingError
from models.metrics.ranking import ranking_scorecard
from models.recommend.blend import DEFAULT_WEIGHTS, Blend, default_sources
from models.recommend.combining import normalised
from models.recommend.contract import Recommender
from models.recommend.cosine import Cosine
from models.recommend.interactions import Interactions
from models.recommend.personal import Personal
from models.recommend.popular import Popular
from models.recommend.topk import ranked_products, tie_order, top_per_row
from models.recommend.weights import choose_weights

AS_OF = date(1970, 4, 11)


def random_shop(seed: int, n_lines: int = 400) -> Interactions:
    random = np.random.default_rng(seed)
    customers = random.integers(0, 30, n_lines)
    products = (random.pareto(1.0, n_lines) * 3).astype(int) % 25
    days = random.integers(0, 100, n_lines)
    return Interactions.from_arrays(
        customers.astype(str), products.astype(str), (days // 9).astype(str), days, AS_OF
    )


@given(st.integers(0, 1_000), st.integers(1, 30))
def test_every_row_has_exactly_the_wanted_number_of_products(seed: int, limit: int) -> None:
    shop = random_shop(seed, n_lines=120)
    blend = Blend([Personal(), Cosine()], {"personal": 0.7, "cosine": 0.3}).fit(shop)
    asked = np.append(np.arange(shop.n_customers), -1)
    lengths = np.diff(blend.score(asked, limit).indptr)
    assert (lengths == min(limit, shop.n_products)).all()


def test_an_unknown_customer_gets_the_popular_list() -> None:
    shop = random_shop(0)
    blend = Blend().fit(shop)
    popular = Popular(half_life_days=14.0).fit(shop)
    asked = np.array([-1])
    np.testing.assert_array_equal(
        ranked_products(blend.score(asked, 9), 9, blend.ties_),
        ranked_products(popular.score(asked, 9), 9, popular.ties_),
    )


def test_normalised_rows_keep_their_order_and_end_at_one() -> None:
    scores = sparse.csr_matrix(np.array([[4, 0, 1], [0, 0, 0], [0, 0.5, 0]], dtype=np.float32))
    by_hand = np.array([[1, 0, 1 / 4], [0, 0, 0], [0, 1, 0]])
    np.testing.assert_allclose(normalised(scores).toarray(), by_hand)


def test_the_score_is_the_weighted_sum_of_normalised_scores() -> None:
    shop = random_shop(1)
    sources: list[Recommender] = [Personal(), Cosine()]
    blend = Blend(sources, {"personal": 0.75, "cosine": 0.25}).fit(shop)
    asked = np.arange(shop.n_customers)
    parts = [normalised(source.score(asked, 100)).toarray() for source in sources]
    blended = top_per_row(0.75 * parts[0] + 0.25 * parts[1], 5, blend.ties_)
    np.testing.assert_allclose(blend.score(asked, 5).toarray(), blended.toarray(), rtol=1e-6)


def test_sources_without_weight_take_no_part() -> None:
    blend = Blend(default_sources(), {"personal": 1.0, "ease": 0.0})
    assert [source.name for source in blend.sources] == ["personal"]
    assert {source.name for source in Blend().sources} == set(DEFAULT_WEIGHTS)


@pytest.mark.parametrize("sources", [[], [Personal(), Personal()], [Cosine()]])
def test_a_blend_of_nothing_or_of_namesakes_is_refused(sources: list[Personal]) -> None:
    with pytest.raises(ValueError, match="different names"):
        Blend(sources, {"personal": 1.0})


def candidates_and_truth(
    seed: int,
) -> tuple[
    dict[str, sparse.csr_matrix[np.float32]], sparse.csr_matrix[np.float64], NDArray[np.int64]
]:
    """Three sources: two that each see half of the truth through noise, and one of pure noise."""
    random = np.random.default_rng(seed)
    bought = random.random((300, 40)) < 0.1
    ties = tie_order(bought.sum(axis=0))
    left = np.arange(40) < 20
    noise = random.random((3, 300, 40))
    scores = {
        "left": noise[0] + 0.8 * (bought & left),
        "right": noise[1] + 0.8 * (bought & ~left),
        "noise": noise[2],
    }
    return (
        {name: top_per_row(values, 40, ties) for name, values in scores.items()},
        sparse.csr_matrix(bought.astype(float)),
        ties,
    )


def ndcg_of(
    weights: dict[str, float],
    candidates: dict[str, sparse.csr_matrix[np.float32]],
    truth: sparse.csr_matrix[np.float64],
    ties: NDArray[np.int64],
) -> float:
    parts = [weights[name] * normalised(scores).toarray() for name, scores in candidates.items()]
    total = np.sum(parts, axis=0)
    ranked = ranked_products(top_per_row(total, 10, ties), 10, ties)
    return ranking_scorecard(ranked, truth, truth, (10,))["ndcg_at_10"]


def test_chosen_weights_use_both_good_sources_and_not_the_noise() -> None:
    candidates, truth, ties = candidates_and_truth(0)
    weights = choose_weights(candidates, truth, ties)
    assert sum(weights.values()) == pytest.approx(1)
    assert min(weights["left"], weights["right"]) > 0.25
    assert weights["noise"] < 0.15
    assert weights == choose_weights(candidates, truth, ties)


@pytest.mark.parametrize("seed", range(3))
def test_chosen_weights_beat_every_source_alone_and_all_alike(seed: int) -> None:
    candidates, truth, ties = candidates_and_truth(seed)
    chosen = ndcg_of(choose_weights(candidates, truth, ties), candidates, truth, ties)
    alone = [dict(zip(candidates, row, strict=True)) for row in np.eye(3)]
    alike = dict.fromkeys(candidates, 1 / 3)
    assert chosen > max(ndcg_of(weights, candidates, truth, ties) for weights in [*alone, alike])


def test_a_window_without_orders_chooses_nothing() -> None:
    candidates, truth, ties = candidates_and_truth(0)
    with pytest.raises(TrainingError, match="No customer ordered"):
        choose_weights(candidates, sparse.csr_matrix(np.zeros(truth.shape)), ties)


def test_a_source_that_knows_the_truth_gets_all_the_weight_it_needs() -> None:
    candidates, truth, ties = candidates_and_truth(1)
    oracle = top_per_row(truth, 40, ties)
    weights = choose_weights({"oracle": oracle, "noise": candidates["noise"]}, truth, ties)
    everything = {"oracle": oracle, "noise": candidates["noise"]}
    assert ndcg_of(weights, everything, truth, ties) == pytest.approx(1)
