"""Assignment by hash, exploration with exact chances, and tests that may be looked at any day."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from features.errors import DataError, SettingsError
from models.policy.assignment import Experiment, draw, unit_uniform, unit_uniforms
from models.policy.experiments import Arm, compare, results
from models.policy.exploration import chances_to_be_best, decide
from models.policy.sample_ratio import check_sample_ratio
from models.policy.variants import HOLDOUT

UNITS = [f"c{number}" for number in range(10_000)]


def test_hashes_are_uniform_and_independent_between_salts() -> None:
    one, two = unit_uniforms(UNITS, "one"), unit_uniforms(UNITS, "two")
    assert stats.kstest(one, "uniform").pvalue > 0.001
    assert abs(np.corrcoef(one, two)[0, 1]) < 0.03
    assert unit_uniform("ab", "c") != unit_uniform("b", "ca")


def test_a_hash_never_changes() -> None:
    """Assignments of running experiments hang on it."""
    assert unit_uniform("c1", "spring") == pytest.approx(0.1689412, abs=1e-7)
    spring = Experiment("spring", {"control": 1, "new": 3}, holdout=0.1)
    assert [spring.assign(unit) for unit in UNITS[:9]] == [
        "new", "control", "new", "new", "new", HOLDOUT, "new", "control", HOLDOUT,
    ]  # fmt: skip


@given(st.text(), st.text())
def test_a_hash_is_a_share_and_depends_on_nothing_else(unit: str, salt: str) -> None:
    assert 0 <= unit_uniform(unit, salt) < 1
    assert unit_uniform(unit, salt) == unit_uniform(unit, salt)


def test_customers_stick_and_variants_have_their_shares() -> None:
    experiment = Experiment("spring", {"control": 1, "new": 3}, holdout=0.1)
    given_out = [experiment.assign(unit) for unit in UNITS]
    assert given_out == [experiment.assign(unit) for unit in UNITS]
    assert experiment.shares == pytest.approx({HOLDOUT: 0.1, "control": 0.225, "new": 0.675})
    for name, share in experiment.shares.items():
        assert given_out.count(name) / len(UNITS) == pytest.approx(share, abs=0.016)


def test_the_holdout_is_the_same_for_all_experiments_and_only_grows() -> None:
    def held(name: str, share: float) -> set[str]:
        experiment = Experiment(name, {"on": 1, "off": 1}, holdout=share)
        return {unit for unit in UNITS if experiment.assign(unit) == HOLDOUT}

    assert held("a", 0.05) == held("b", 0.05)
    assert held("a", 0.05) < held("a", 0.2)


def test_two_experiments_are_independent() -> None:
    first, second = (Experiment(name, {"a": 1, "b": 1}) for name in ("one", "two"))
    table = np.zeros((2, 2))
    for unit in UNITS:
        table["ab".index(first.assign(unit)), "ab".index(second.assign(unit))] += 1
    assert stats.chi2_contingency(table).pvalue > 0.001


def test_a_variant_may_be_stopped_by_its_weight() -> None:
    stopped = Experiment("spring", {"control": 1.0, "stopped": 0.0})
    assert {stopped.assign(unit) for unit in UNITS} == {"control"}


@pytest.mark.parametrize(
    ("weights", "holdout"),
    [
        ({}, 0.0),
        ({"a": -1.0, "b": 2.0}, 0.0),
        ({"a": 0.0}, 0.0),
        ({"a": 1.0}, 1.0),
        ({HOLDOUT: 1}, 0),
    ],
)
def test_shares_that_are_none_are_refused(weights: dict[str, float], holdout: float) -> None:
    with pytest.raises(SettingsError, match="spring"):
        Experiment("spring", weights, holdout)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.floats(0, 1, exclude_max=True))
def test_nothing_without_weight_is_ever_drawn(weights: list[float], uniform: float) -> None:
    if sum(weights) > 0:
        assert weights[draw(np.array(weights), uniform)] > 0


def test_decisions_are_taken_as_often_as_their_propensity_says() -> None:
    probabilities = np.array([0.1, 0.65, 0.25])
    taken = [decide(probabilities, unit, "home") for unit in UNITS]
    for action, chance in enumerate(probabilities):
        own = [decision for decision in taken if decision.action == action]
        assert len(own) / len(UNITS) == pytest.approx(chance, abs=0.016)
        assert {decision.propensity for decision in own} == {chance}
    assert decide(probabilities, "c7", "home") == taken[7]


def test_without_a_candidate_there_is_no_decision() -> None:
    for nothing in (np.array([]), np.zeros(2), np.array([0.5, -0.5])):
        with pytest.raises(DataError, match="no candidate"):
            decide(nothing, "c1", "home")


def test_chances_to_be_best_are_what_simulation_says() -> None:
    values, deviations = np.array([1.0, 1.5, 0.2, -1.0]), np.array([0.5, 0.2, 1.0, 2.0])
    drawn = np.random.default_rng(0).normal(values, deviations, size=(200_000, 4)).argmax(axis=1)
    simulated = np.bincount(drawn, minlength=4) / 200_000
    np.testing.assert_allclose(chances_to_be_best(values, deviations), simulated, atol=0.006)


@given(st.floats(-5, 5), st.floats(0.1, 3), st.floats(0.1, 3))
def test_chances_of_two_in_closed_form(apart: float, one: float, other: float) -> None:
    """P(first larger) = Phi(difference / its standard deviation)."""
    chances = chances_to_be_best(np.array([apart, 0.0]), np.array([one, other]))
    wanted = stats.norm.cdf(apart / np.hypot(one, other))
    np.testing.assert_allclose(chances, [wanted, 1 - wanted], atol=0.01)


def test_equal_values_have_equal_chances_and_a_known_best_has_all() -> None:
    np.testing.assert_allclose(chances_to_be_best(np.zeros(5), np.ones(5)), 0.2, atol=1e-9)
    np.testing.assert_allclose(chances_to_be_best(np.zeros(4), np.zeros(4)), 0.25, atol=1e-9)
    np.testing.assert_allclose(chances_to_be_best(np.array([4.0]), np.array([9.0])), [1.0])
    known = chances_to_be_best(np.array([1.0, 1.1]), np.zeros(2))
    np.testing.assert_allclose(known, [0.0, 1.0], atol=1e-12)


def peeked(seed: int, lift: float, days: int = 30, a_day: int = 100) -> tuple[bool, bool, bool]:
    """Look every day; return whether ours and a fixed test ever fired, and if ours ever missed."""
    rng = np.random.default_rng(seed)
    n = days * a_day
    outcomes = [(rng.random(n) < 0.1 + more).astype(np.float64) for more in (0.0, lift)]
    ours = fixed = missed = False
    for day in range(1, days + 1):
        control, variant = (Arm.of(each[: day * a_day]) for each in outcomes)
        found = compare(variant, control, scale=0.02)
        ours |= found.decided
        missed |= not found.low <= lift <= found.high
        spread = np.sqrt(control.variance / control.n + variant.variance / variant.n)
        fixed |= bool(abs(found.difference) > 1.96 * spread)
    return ours, fixed, missed


def test_looking_every_day_is_safe_and_with_a_fixed_test_is_not() -> None:
    looks = np.array([peeked(seed, 0.0) for seed in range(200)])
    always_valid, fixed, _ = looks.mean(axis=0)
    assert always_valid <= 0.06
    assert fixed > 0.2


def test_intervals_hold_the_true_difference_at_every_look() -> None:
    looks = np.array([peeked(seed, 0.03) for seed in range(200, 320)])
    found, _, missed = looks.mean(axis=0)
    assert missed <= 0.07
    assert found > 0.7


def test_p_value_and_interval_agree() -> None:
    for mean in np.linspace(0.0, 0.1, 41):
        found = compare(Arm(900, 0.1 + mean, 0.1), Arm(800, 0.1, 0.09), scale=0.05)
        assert found.decided == (found.p_value < 0.05)


def test_few_customers_or_none_decide_nothing() -> None:
    for arm in (Arm(0, 0.0, 0.0), Arm(49, 1.0, 0.0)):
        found = compare(arm, Arm(10_000, 0.0, 0.0), scale=0.1)
        assert (found.low, found.high, found.p_value) == (-np.inf, np.inf, 1.0)
    same = compare(Arm(100, 0.0, 0.0), Arm(100, 0.0, 0.0), scale=0.1)
    assert not same.decided


def test_results_beside_the_control_allow_for_their_number() -> None:
    rng = np.random.default_rng(0)
    outcomes = {
        "control": (rng.random(5_000) < 0.1).astype(np.float64),
        "better": (rng.random(5_000) < 0.16).astype(np.float64),
        "same": (rng.random(5_000) < 0.1).astype(np.float64),
    }
    table = results(outcomes, "control", scale=0.05)
    assert table["decided"].tolist() == [False, True, False]
    alone = compare(Arm.of(outcomes["better"]), Arm.of(outcomes["control"]), scale=0.05)
    assert table.loc["better", "low"] < alone.low
    assert table.loc["better", "difference"] == alone.difference


def test_sizes_as_designed_raise_no_alarm_however_often_looked_at() -> None:
    shares = {"control": 0.5, "new": 0.5}
    alarms = fixed = 0
    for seed in range(150):
        steps = np.random.default_rng(seed).binomial(100, 0.5, 60).cumsum()
        checks = [
            check_sample_ratio({"control": int(own), "new": 100 * (day + 1) - int(own)}, shares)
            for day, own in enumerate(steps)
        ]
        alarms += any(check.always_valid_p < 0.05 for check in checks)
        fixed += any(check.p_value < 0.05 for check in checks)
    assert alarms <= 11
    assert fixed > 30


def test_a_filter_is_found_and_reported() -> None:
    check = check_sample_ratio({"control": 51_000, "new": 49_000}, {"control": 1, "new": 1})
    assert check.mismatch
    assert check.p_value == pytest.approx(stats.chisquare([51_000, 49_000]).pvalue)
    assert "do not read" in check.says
    fine = check_sample_ratio({"control": 50_100, "new": 49_900}, {"control": 1, "new": 1})
    assert not fine.mismatch
    assert "as designed" in fine.says


def test_a_variant_that_nobody_was_logged_in_is_a_mismatch() -> None:
    check = check_sample_ratio({"control": 1_000}, {"control": 1, "new": 1})
    assert check.mismatch
    assert "new 0 (500 expected)" in check.says


def test_a_variant_that_should_be_empty_and_is_not_is_a_mismatch() -> None:
    assert check_sample_ratio({"a": 10, "gone": 1}, {"a": 1.0, "gone": 0.0}).mismatch
    assert not check_sample_ratio({}, {"a": 0.5, "b": 0.5}).mismatch
    assert not check_sample_ratio({"a": 10}, {"a": 1.0, HOLDOUT: 0.0}).mismatch
