"""Ranking metrics against hand-counted lists, a naive reading of the definitions, and limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import sparse

from models.metrics.ranking import (
    coverage_at,
    hit_rate_at,
    hits,
    ndcg_at,
    novelty_at,
    ranking_scorecard,
    recall_at,
    reciprocal_rank_at,
    split_truth,
    truth_sizes,
    whole_basket_ndcg_at,
)

N_PRODUCTS = 8


def matrix_of(baskets: list[set[int]], n_products: int = N_PRODUCTS) -> sparse.csr_matrix[np.int8]:
    dense = np.zeros((len(baskets), n_products), dtype=np.int8)
    for row, basket in enumerate(baskets):
        dense[row, sorted(basket)] = 1
    return sparse.csr_matrix(dense)


def naive(listed: list[int], basket: set[int], k: int) -> tuple[float, float, float, float]:
    """Recall, NDCG, hit rate and reciprocal rank as the definitions read."""
    found = [product in basket for product in listed[:k] if product >= 0]
    gain = sum(hit / math.log2(place + 2) for place, hit in enumerate(found))
    ideal = sum(1 / math.log2(place + 2) for place in range(min(k, len(basket))))
    first = next((place + 1 for place, hit in enumerate(found) if hit), math.inf)
    return sum(found) / len(basket), gain / ideal, float(any(found)), 1 / first


@st.composite
def judged_lists(draw: st.DrawFn) -> tuple[NDArray[np.int64], list[set[int]], int]:
    """Lists of distinct products padded with -1, the baskets that followed, and a k."""
    width = draw(st.integers(1, N_PRODUCTS))
    product = st.integers(0, N_PRODUCTS - 1)
    lists = draw(st.lists(st.lists(product, max_size=width, unique=True), min_size=1, max_size=6))
    ranked = np.full((len(lists), width), -1, dtype=np.int64)
    for row, listed in enumerate(lists):
        ranked[row, : len(listed)] = listed
    baskets = draw(st.lists(st.sets(product, min_size=1), min_size=len(lists), max_size=len(lists)))
    return ranked, baskets, draw(st.integers(1, N_PRODUCTS + 2))


@given(judged_lists())
def test_agree_with_the_naive_reading(case: tuple[NDArray[np.int64], list[set[int]], int]) -> None:
    ranked, baskets, k = case
    truth = matrix_of(baskets)
    found, sizes = hits(ranked, truth), truth_sizes(truth)
    measured = np.stack(
        [
            metric(found, sizes, k)
            for metric in (recall_at, ndcg_at, hit_rate_at, reciprocal_rank_at)
        ],
        axis=1,
    )
    expected = [
        naive(listed, basket, k) for listed, basket in zip(ranked.tolist(), baskets, strict=True)
    ]
    np.testing.assert_allclose(measured, expected)


@given(judged_lists())
def test_a_perfect_list_scores_one(case: tuple[NDArray[np.int64], list[set[int]], int]) -> None:
    _, baskets, k = case
    perfect = np.full((len(baskets), N_PRODUCTS), -1)
    for row, basket in enumerate(baskets):
        perfect[row, : len(basket)] = sorted(basket)
    truth = matrix_of(baskets)
    np.testing.assert_allclose(ndcg_at(hits(perfect, truth), truth_sizes(truth), k), 1.0)


@given(judged_lists())
def test_a_longer_list_never_recalls_less(
    case: tuple[NDArray[np.int64], list[set[int]], int],
) -> None:
    ranked, baskets, k = case
    truth = matrix_of(baskets)
    found, sizes = hits(ranked, truth), truth_sizes(truth)
    assert (recall_at(found, sizes, k + 1) >= recall_at(found, sizes, k)).all()


def test_hand_counted_list() -> None:
    truth = matrix_of([{1, 2, 5}])
    found = hits(np.array([[1, 0, 2, 3]]), truth)
    assert found.tolist() == [[True, False, True, False]]
    assert recall_at(found, truth_sizes(truth), 4).tolist() == [2 / 3]
    ideal = 1 + 1 / math.log2(3) + 1 / math.log2(4)
    assert ndcg_at(found, truth_sizes(truth), 4)[0] == pytest.approx((1 + 1 / 2) / ideal)


def test_the_papers_ndcg_asks_for_the_whole_basket() -> None:
    truth = matrix_of([{1, 2, 5}, {1}])
    found, sizes = hits(np.array([[1, 2], [1, 2]]), truth), truth_sizes(truth)
    ideal = 1 + 1 / math.log2(3) + 1 / math.log2(4)
    whole = [(1 + 1 / math.log2(3)) / ideal, 1.0]
    np.testing.assert_allclose(whole_basket_ndcg_at(found, sizes, 2), whole)
    np.testing.assert_allclose(ndcg_at(found, sizes, 2), [1.0, 1.0])


def test_nothing_to_find_is_undefined_and_left_out_of_the_mean() -> None:
    truth = matrix_of([set(), {3}])
    ranked = np.array([[3], [3]])
    assert np.isnan(recall_at(hits(ranked, truth), truth_sizes(truth), 1)).tolist() == [True, False]
    assert ranking_scorecard(ranked, truth, matrix_of([set(), set()]), (1,))["recall_at_1"] == 1.0


def test_repeat_and_explore_parts_add_up_to_the_truth() -> None:
    truth, history = matrix_of([{0, 1, 2, 3}]), matrix_of([{0, 1, 7}])
    repeats, explorations = split_truth(truth, history)
    assert repeats.indices.tolist() == [0, 1]
    assert explorations.indices.tolist() == [2, 3]
    card = ranking_scorecard(np.array([[0, 1, 2, 7]]), truth, history, (4,))
    assert card["repeat_recall_at_4"] == 1.0
    assert card["explore_recall_at_4"] == 0.5
    assert card["recall_at_4"] == 0.75


def test_coverage_counts_listed_products_once_and_padding_never() -> None:
    assert coverage_at(np.array([[0, 1], [1, -1]]), 4, 2) == 0.5
    assert coverage_at(np.array([[0, 1], [1, -1]]), 4, 1) == 0.5
    assert coverage_at(np.array([[0, 1], [0, -1]]), 4, 1) == 0.25


def test_novelty_is_the_mean_surprise_in_bits() -> None:
    buyers = np.array([4, 2, 1, 0])
    bits = novelty_at(np.array([[0, 1], [2, -1], [3, -1], [-1, -1]]), buyers, 4, 2)
    np.testing.assert_allclose(bits, [0.5, 2.0, 3.0, np.nan])


def test_unsorted_and_duplicate_truth_counts_each_product_once() -> None:
    unsorted = sparse.csr_matrix((np.ones(3), np.array([5, 1, 1]), np.array([0, 3])), shape=(1, 8))
    card = ranking_scorecard(np.array([[1, 5]]), unsorted, matrix_of([set()]), (2,))
    assert card["recall_at_2"] == 1.0
    assert card["ndcg_at_2"] == 1.0


def test_hits_are_found_in_whatever_order_the_truth_is_stored() -> None:
    unsorted = sparse.csr_matrix(
        (np.ones(4), np.array([5, 1, 7, 0]), np.array([0, 2, 4])), shape=(2, 8)
    )
    found = hits(np.array([[1, 5, 7], [1, 7, 0]]), unsorted)
    assert found.tolist() == [[True, True, False], [False, True, True]]


def test_stored_zeros_and_repetitions_are_no_purchases_in_truth_or_history() -> None:
    clean_truth, clean_history = matrix_of([{0, 3}, {2}]), matrix_of([{0}, {0, 4}])
    stored = np.array([1, 1, 2, 0, 1, 0]), np.array([0, 0, 3, 6, 2, 5]), np.array([0, 4, 6])
    truth = sparse.csr_matrix(stored, shape=(2, N_PRODUCTS))
    stored = np.array([3, 0, 1, 1, 0]), np.array([0, 3, 0, 4, 2]), np.array([0, 2, 5])
    history = sparse.csr_matrix(stored, shape=(2, N_PRODUCTS))
    ranked = np.array([[0, 3, 6], [2, 5, 4]])
    card = ranking_scorecard(ranked, truth, history, (1, 3))
    assert card == ranking_scorecard(ranked, clean_truth, clean_history, (1, 3))
    assert card["repeat_recall_at_1"] == 1.0


def test_every_number_is_cut_at_its_own_length() -> None:
    """A single purchase in the fifteenth place: found among twenty, and not among ten."""
    ranked, nothing = np.arange(20)[None, :], matrix_of([set()], 30)
    card = ranking_scorecard(ranked, matrix_of([{14}], 30), nothing)
    by_ten = {name: value for name, value in card.items() if name.endswith("_at_10")}
    found = ("recall", "ndcg", "whole_basket_ndcg", "phr", "mrr", "explore_recall")
    assert [by_ten[f"{name}_at_10"] for name in found] == [0.0] * len(found)
    assert card["recall_at_20"] == card["phr_at_20"] == card["explore_recall_at_20"] == 1.0
    assert card["mrr_at_20"] == 1 / 15
    assert card["ndcg_at_20"] == card["whole_basket_ndcg_at_20"] == 1 / math.log2(16)
    assert (card["coverage_at_10"], card["coverage_at_20"]) == (10 / 30, 20 / 30)


def test_no_customers_give_undefined_means() -> None:
    nobody = sparse.csr_matrix((0, N_PRODUCTS))
    card = ranking_scorecard(np.empty((0, 10), dtype=np.int64), nobody, nobody)
    assert math.isnan(card["ndcg_at_10"])
