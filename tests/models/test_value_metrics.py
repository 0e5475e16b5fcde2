"""Value metrics beside naive definitions and closed forms."""

from __future__ import annotations

import math
from random import Random

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import spearmanr

from models.metrics.value import decile_means, normalised_gini, spearman, value_scorecard

MONEY = arrays(np.float64, st.integers(2, 50), elements=st.integers(-50, 200).map(float))


def naive_gini(actual: np.ndarray, scores: np.ndarray) -> float:
    """Wang, Liu & Miao 2019, with sums instead of areas; scores must differ."""
    n = len(actual)

    def area(order: np.ndarray) -> float:
        return sum(actual[order][: k + 1].sum() for k in range(n)) / n

    random = actual.sum() * (n + 1) / (2 * n)
    ours = area(np.argsort(-scores)) - random
    return ours / (area(np.argsort(-actual)) - random)


@given(MONEY, st.randoms())
def test_gini_is_its_definition(actual: np.ndarray, random: Random) -> None:
    assume(np.ptp(actual) > 0)
    scores = list(range(len(actual)))
    random.shuffle(scores)
    order = np.array(scores, dtype=np.float64)
    assert normalised_gini(actual, order) == pytest.approx(naive_gini(actual, order), abs=1e-9)


@given(MONEY)
def test_perfect_is_one_and_reversed_is_minus_one(actual: np.ndarray) -> None:
    assume(np.ptp(actual) > 0)
    assert normalised_gini(actual, actual) == pytest.approx(1.0)
    assert normalised_gini(actual, 3 * actual + 7) == pytest.approx(1.0)
    assert normalised_gini(actual, -actual) == pytest.approx(-1.0)


@given(MONEY)
def test_one_score_for_all_ranks_nothing(actual: np.ndarray) -> None:
    """Whoever happens to come first in the file."""
    assert normalised_gini(actual, np.zeros(len(actual))) == pytest.approx(0.0, abs=1e-9)


@given(MONEY, st.data())
def test_ties_are_worth_the_mean_over_their_orders(actual: np.ndarray, data: st.DataObject) -> None:
    n = len(actual)
    scores = data.draw(arrays(np.float64, n, elements=st.sampled_from([0.0, 1.0, 2.0])))
    order = data.draw(st.permutations(range(n)))
    whole = normalised_gini(actual, scores)
    assert normalised_gini(actual[list(order)], scores[list(order)]) == pytest.approx(whole)


def test_two_tied_of_three_by_hand() -> None:
    """Averaged over both orders of the tied pair."""
    actual, scores = np.array([6.0, 3.0, 0.0]), np.array([2.0, 1.0, 1.0])
    first = naive_gini(actual, np.array([2.0, 1.0, 0.0]))
    second = naive_gini(actual, np.array([2.0, 0.0, 1.0]))
    assert normalised_gini(actual, scores) == pytest.approx((first + second) / 2)


def test_random_scores_are_about_zero() -> None:
    random = np.random.default_rng(0)
    actual = random.lognormal(size=4_000)
    draws = [normalised_gini(actual, random.random(4_000)) for _ in range(20)]
    assert abs(np.mean(draws)) < 0.02


def test_equal_worth_leaves_nothing_to_rank() -> None:
    assert normalised_gini(np.full(7, 0.1), np.arange(7.0)) == 0.0
    assert normalised_gini(np.zeros(7), np.arange(7.0)) == 0.0


def test_losses_that_eat_all_profit_do_not_turn_the_ranking() -> None:
    actual = np.array([50.0, 10.0, -20.0, -60.0])
    assert actual.sum() < 0
    assert normalised_gini(actual, np.array([4.0, 3.0, 2.0, 1.0])) == pytest.approx(1.0)


@given(MONEY, st.data())
def test_spearman_is_that_of_scipy(actual: np.ndarray, data: st.DataObject) -> None:
    scores = data.draw(arrays(np.float64, len(actual), elements=st.integers(0, 5).map(float)))
    if np.ptp(actual) == 0 or np.ptp(scores) == 0:
        assert math.isnan(spearman(actual, scores))
    else:
        assert spearman(actual, scores) == pytest.approx(spearmanr(actual, scores).statistic)


def test_decile_means_are_those_of_ten_equal_groups() -> None:
    predicted = np.random.default_rng(0).permutation(100).astype(np.float64)
    by_prediction, by_outcome = decile_means(2 * predicted, predicted)
    np.testing.assert_allclose(by_prediction, np.arange(10) * 10 + 4.5)
    np.testing.assert_allclose(by_outcome, 2 * by_prediction)


def test_deciles_of_one_prediction_all_have_the_mean() -> None:
    _, by_outcome = decile_means(np.arange(20.0), np.ones(20))
    np.testing.assert_allclose(by_outcome, 9.5)


def test_fewer_than_ten_customers_make_fewer_groups() -> None:
    assert [len(part) for part in decile_means(np.arange(3.0), np.arange(3.0))] == [3, 3]


def test_the_scorecard_against_closed_forms() -> None:
    actual, predicted = np.arange(1.0, 21.0), np.arange(1.0, 21.0) * 1.1
    card = value_scorecard(actual, predicted)
    assert card["normalised_gini"] == pytest.approx(1.0)
    assert card["spearman"] == pytest.approx(1.0)
    assert card["total_bias"] == pytest.approx(0.1)
    assert card["decile_mape"] == pytest.approx(0.1)
    assert card["mae"] == pytest.approx(0.1 * actual.mean())
    assert card["rmse"] == pytest.approx(0.1 * np.sqrt((actual**2).mean()))


@given(MONEY, st.integers(0, 2**32 - 1))
def test_misses_are_their_definitions(actual: np.ndarray, seed: int) -> None:
    """On either side, and where deciles brought nothing or cost money."""
    predicted = np.random.default_rng(seed).permutation(len(actual)) * 7.0
    card = value_scorecard(actual, predicted)
    gaps = predicted - actual
    assert card["mae"] == pytest.approx(np.abs(gaps).mean())
    assert card["rmse"] == pytest.approx(np.sqrt((gaps**2).mean()))
    if actual.sum() != 0:
        assert card["total_bias"] == pytest.approx(gaps.sum() / actual.sum())
    parts = np.array_split(np.argsort(predicted), 10)
    brought = [(gaps[part].sum(), actual[part].sum()) for part in parts if actual[part].sum() != 0]
    naive = np.mean([abs(gap / came) for gap, came in brought]) if brought else np.nan
    assert card["decile_mape"] == pytest.approx(naive, nan_ok=True)


def test_without_any_money_the_bias_is_undefined() -> None:
    card = value_scorecard(np.zeros(3), np.ones(3))
    assert np.isnan(card["total_bias"])
    assert np.isnan(card["decile_mape"])
    assert card["mae"] == card["rmse"] == 1.0
