"""Off-policy estimates against bandits whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from features.errors import DataError
from models.policy.estimators import Estimate, Log, off_policy_estimates
from models.policy.intervals import likelihood_interval, mean_interval
from models.policy.outcome_model import cross_fit_rewards

Floats = NDArray[np.float64]
CHANCES = np.array([[0.05, 0.1, 0.3], [0.2, 0.1, 0.02]])
LOGGING = np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3]])
TARGET = np.array([[0.1, 0.1, 0.8], [0.9, 0.05, 0.05]])
TRUTH = float((TARGET * CHANCES).sum(axis=1).mean())


def simulated_log(n: int, seed: int) -> tuple[Log, Floats]:
    """Draw decisions in two situations, three actions; return the log and the situations."""
    rng = np.random.default_rng(seed)
    situation = rng.integers(0, 2, n)
    edges = LOGGING[situation].cumsum(axis=1)
    action = (rng.random(n)[:, None] >= edges).sum(axis=1)
    reward = (rng.random(n) < CHANCES[situation, action]).astype(np.float64)
    log = Log(action, reward, LOGGING[situation, action], TARGET[situation])
    return log, situation[:, None].astype(np.float64)


@pytest.fixture(scope="module")
def repetitions() -> list[dict[str, Estimate]]:
    """Estimates of 120 logs of 500 decisions, with a wrong outcome model for ``dr``."""
    wrong = np.tile([0.3, 0.05, 0.1], (500, 1))
    logs = (simulated_log(500, seed)[0] for seed in range(120))
    return [dict(off_policy_estimates(log, expected=wrong)) for log in logs]


@pytest.mark.parametrize("method", ["ips", "snips", "dr"])
def test_estimates_are_unbiased(repetitions: list[dict[str, Estimate]], method: str) -> None:
    values = np.array([found[method].value for found in repetitions])
    error = values.std() / np.sqrt(len(values))
    # Self-normalising is biased in the order of one over the decisions, far below this.
    assert values.mean() == pytest.approx(TRUTH, abs=3 * error)


@pytest.mark.parametrize("method", ["ips", "snips", "dr"])
def test_intervals_cover_the_truth_as_often_as_they_say(
    repetitions: list[dict[str, Estimate]], method: str
) -> None:
    covered = np.mean([found[method].covers(TRUTH) for found in repetitions])
    assert 0.915 <= covered <= 0.985


def test_a_good_outcome_model_narrows_the_interval() -> None:
    log, situation = simulated_log(6_000, 0)
    expected = cross_fit_rewards(situation, log.actions, log.rewards, 3)
    found = off_policy_estimates(log, expected=expected)
    ips, dr = found["ips"], found["dr"]
    assert dr.high - dr.low < ips.high - ips.low
    assert dr.covers(TRUTH)
    assert dr.says.endswith(f"from 6,000 decisions worth {dr.effective:,.0f}"), "nothing to warn of"


def test_the_outcome_model_learns_every_action() -> None:
    log, situation = simulated_log(20_000, 1)
    expected = cross_fit_rewards(situation, log.actions, log.rewards, 3)
    for number in (0, 1):
        means = expected[situation[:, 0] == number].mean(axis=0)
        np.testing.assert_allclose(means, CHANCES[number], atol=0.05)


def test_amounts_are_learned_as_amounts() -> None:
    log, situation = simulated_log(5_000, 2)
    money = 7.5 * log.rewards + 0.5
    expected = cross_fit_rewards(situation, log.actions, money, 3)
    assert expected.mean() > 0.5


def test_rare_rewards_under_wild_weights_are_still_covered() -> None:
    """One action in fifty pays, one reward in a hundred: a normal interval would miss."""
    covered = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        shown = rng.random(2_000) < 0.04
        reward = (rng.random(2_000) < np.where(shown, 0.1, 0.01)).astype(np.float64)
        propensity = np.where(shown, 0.04, 0.96)
        target = np.tile([0.0, 1.0], (2_000, 1))
        log = Log(shown.astype(np.int64), reward, propensity, target)
        covered.append(off_policy_estimates(log)["snips"].covers(0.1))
    assert np.mean(covered) >= 0.9


def test_judging_the_logging_policy_itself_gives_its_mean() -> None:
    log, situation = simulated_log(500, 3)
    same = Log(log.actions, log.rewards, log.propensity, LOGGING[situation[:, 0].astype(int)])
    found = off_policy_estimates(same)
    assert found["ips"].value == pytest.approx(log.rewards.mean())
    assert found["snips"].value == pytest.approx(log.rewards.mean())
    assert found["ips"].effective == pytest.approx(500)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 6), st.integers(5, 60))
def test_weights_average_to_one_over_all_actions(seed: int, actions: int, n: int) -> None:
    """Sum over actions of logging probability x weight is the target's total: exactly 1."""
    rng = np.random.default_rng(seed)
    logging = rng.dirichlet(np.ones(actions), n)
    target = rng.dirichlet(np.ones(actions), n)
    total = np.zeros(n)
    for action in range(actions):
        taken = np.full(n, action)
        log = Log(taken, np.zeros(n), logging[:, action], target)
        total += logging[:, action] * log.weights
    np.testing.assert_allclose(total, 1.0)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.1, 50.0), st.floats(-5.0, 5.0))
def test_snips_moves_with_the_scale_and_level_of_rewards(
    seed: int, scale: float, level: float
) -> None:
    log, _ = simulated_log(80, seed)
    moved = Log(log.actions, scale * log.rewards + level, log.propensity, log.target)
    here, there = (off_policy_estimates(each)["snips"] for each in (log, moved))
    assert there.value == pytest.approx(scale * here.value + level, abs=1e-9)
    assert here.effective == there.effective
    assert 1 - 1e-9 <= here.effective <= 80 + 1e-9


def test_an_extreme_weight_is_cut_and_reported() -> None:
    rewards = np.zeros(100)
    rewards[:2] = 1
    propensity = np.full(100, 0.5)
    propensity[0] = 1e-6
    log = Log(np.zeros(100, dtype=np.int64), rewards, propensity, np.tile([1.0, 0.0], (100, 1)))
    found = off_policy_estimates(log)["ips"]
    assert found.largest_weight == 10
    assert found.share_cut == 0.01
    assert found.value == pytest.approx((10 + 2) / 100)
    assert "weights cut at 10" in found.says
    assert "too few" in found.says
    whole = off_policy_estimates(log, largest_weight=np.inf)["ips"]
    assert whole.value == pytest.approx(1e4, rel=0.01)
    assert whole.effective < 1.1


def test_a_policy_that_always_does_one_thing() -> None:
    log = Log.of_deterministic(
        np.array([0, 1, 1]), np.array([1.0, 0.0, 1.0]), np.full(3, 0.5), np.array([1, 1, 0]), 2
    )
    assert log.weights.tolist() == [0, 2, 0]


@pytest.mark.parametrize("propensity", [0.0, -0.1, 1.1, np.nan])
def test_a_decision_without_a_logged_chance_is_refused(propensity: float) -> None:
    chances = np.array([0.5, propensity])
    with pytest.raises(DataError) as raised:
        Log(np.zeros(2, dtype=np.int64), np.zeros(2), chances, np.ones((2, 1)))
    assert "1 of 2" in raised.value.problem
    assert "cannot be made up" in raised.value.remedy


def test_probabilities_that_do_not_sum_and_rewards_not_yet_in_are_refused() -> None:
    ones, zeros = np.ones(2), np.zeros(2, dtype=np.int64)
    with pytest.raises(DataError, match="sum to 1"):
        Log(zeros, ones, ones, np.full((2, 2), 0.4))
    with pytest.raises(DataError, match="no reward"):
        Log(zeros, np.array([1.0, np.nan]), ones, np.ones((2, 1)))
    never = Log(zeros, ones, ones, np.tile([0.0, 1.0], (2, 1)))
    with pytest.raises(DataError, match="hold none"):
        off_policy_estimates(never)


def test_the_interval_of_plain_means_is_near_students_and_leans_with_the_data() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=2_000)
    low, high = likelihood_interval(
        lambda theta: values - theta, float(values.mean()), (values.min(), values.max())
    )
    student = stats.t.interval(0.95, 1_999, values.mean(), stats.sem(values))
    np.testing.assert_allclose((low, high), student, atol=0.003)
    skewed = rng.exponential(size=100) ** 2
    mean = float(skewed.mean())
    low, high = likelihood_interval(
        lambda theta: skewed - theta, mean, (skewed.min(), skewed.max())
    )
    assert high - mean > 1.2 * (mean - low)


@pytest.mark.parametrize("seed", range(50))
def test_an_interval_is_found_whatever_few_values_the_rewards_have(seed: int) -> None:
    values = np.random.default_rng(seed).choice([-0.2, 0.0, 4 / 0.9, 8.0], 20 + 13 * seed)
    low, high = mean_interval(values)
    assert low < values.mean() < high


def test_equal_values_have_no_width_and_one_value_the_whole_range() -> None:
    same = np.full(10, 0.3)
    assert likelihood_interval(lambda theta: same - theta, 0.3, (0.3, 0.3)) == (0.3, 0.3)
    assert likelihood_interval(lambda theta: same[:1] - theta, 0.3, (0.0, 1.0)) == (0.0, 1.0)


@pytest.mark.parametrize("seed", range(20))
def test_rewards_all_alike_leave_no_doubt(seed: int) -> None:
    """Though their weighted mean differs from each in the last digit."""
    log, _ = simulated_log(30, seed)
    alike = Log(log.actions, np.full(30, 0.1), log.propensity, log.target)
    found = off_policy_estimates(alike)["snips"]
    assert (found.low, found.value, found.high) == pytest.approx((0.1, 0.1, 0.1))
