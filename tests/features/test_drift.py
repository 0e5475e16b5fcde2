"""Drift: the population stability index in closed form, and what it must not mistake for one."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.drift import common_values, measure_drift, stability_index

COUNTS = st.lists(st.integers(0, 10_000), min_size=3, max_size=3)


def numbers(*values: float) -> pd.Series[float]:
    return pd.Series(values, dtype="float64")


def names(text: str) -> pd.Series[str]:
    """One name a letter; a dot is missing."""
    return pd.Series([None if letter == "." else letter for letter in text], dtype="str")


def drift_of_names(then: str, now: str) -> float:
    return measure_drift(names(then), names(now), category=True).psi


def test_the_index_by_hand() -> None:
    """(q - p) ln(q / p) with half a customer more in each bin: 50.5 and 20.5 of 101."""
    p, q = 50.5 / 101, 20.5 / 101
    by_hand = (q - p) * math.log(q / p) + (p - q) * math.log((1 - q) / (1 - p))
    assert stability_index(np.array([50.0, 50.0]), np.array([20.0, 80.0])) == pytest.approx(by_hand)
    assert by_hand == pytest.approx(0.41, abs=0.01)  # without the halves 0.416


@given(COUNTS, COUNTS)
def test_the_index_is_a_divergence(then: list[int], now: list[int]) -> None:
    a, b = np.array(then, dtype=float), np.array(now, dtype=float)
    assert stability_index(a, a) == 0
    assert stability_index(a, b) >= 0
    assert stability_index(a, b) == pytest.approx(stability_index(b, a))


def test_a_bin_that_is_empty_on_both_sides_says_nothing() -> None:
    with_it = stability_index(np.array([5.0, 0.0, 9.0]), np.array([50.0, 0.0, 30.0]))
    assert with_it == stability_index(np.array([5.0, 9.0]), np.array([50.0, 30.0]))


def test_the_usual_reading() -> None:
    """Normal values that shift by d standard deviations diverge by about d squared."""
    random = np.random.default_rng(1)
    then = pd.Series(random.normal(size=20_000))
    seen = {
        shift: measure_drift(then, pd.Series(random.normal(shift, size=20_000)), category=False)
        for shift in (0.0, 0.2, 0.4, 0.7)
    }
    assert [drift.reading for drift in seen.values()] == ["stable", "stable", "moved", "shifted"]
    for shift, drift in seen.items():
        # Ten bins see nearly all of it; the shift itself is drawn to a hundredth.
        chance = 0.005 + 0.03 * shift
        assert 0.9 * shift**2 - chance < drift.psi < shift**2 + chance


def test_units_do_not_matter() -> None:
    random = np.random.default_rng(2)
    then, now = pd.Series(random.gamma(2, size=900)), pd.Series(random.gamma(3, size=700))
    money = measure_drift(then, now, category=False)
    cents = measure_drift(100 * then, 100 * now, category=False)
    assert cents.psi == pytest.approx(money.psi)


def test_row_order_does_not_matter() -> None:
    random = np.random.default_rng(3)
    then, now = pd.Series(random.normal(size=300)), pd.Series(random.normal(1, size=200))
    shuffled = [part.sample(frac=1, random_state=4) for part in (then, now)]
    assert measure_drift(*shuffled, category=False) == measure_drift(then, now, category=False)


def test_missing_is_a_bin_of_its_own() -> None:
    known = np.random.default_rng(5).normal(size=1000)
    then = pd.Series(known)
    half = then.where(np.arange(1000) % 2 == 0)
    drift = measure_drift(then, half, category=False)
    assert drift.reading == "shifted"
    only_missing = stability_index(np.array([1000.0, 0.0]), np.array([500.0, 500.0]))
    assert drift.psi == pytest.approx(only_missing, rel=0.05)
    assert measure_drift(half, half, category=False).psi == 0


def test_a_feed_that_died_has_shifted() -> None:
    values = numbers(*range(200))
    gone = numbers(*[np.nan] * 200)
    assert measure_drift(values, gone, category=False).reading == "shifted"
    assert measure_drift(gone, values, category=False).reading == "shifted"
    assert measure_drift(gone, gone, category=False).reading == "stable"


@pytest.mark.parametrize(("before", "after"), [(1.0, 0.0), (0.0, 1.0)])
def test_a_frequent_value_is_distinguished_from_its_neighbours(before: float, after: float) -> None:
    """All deciles fall on one value: below, on and above it are three different things."""
    then = numbers(*[before] * 950, *[7.0] * 50)
    now = numbers(*[after] * 950, *[7.0] * 50)
    assert measure_drift(then, now, category=False).psi > 5


def test_what_is_the_same_for_everybody_moves_with_the_calendar() -> None:
    assert measure_drift(numbers(0.2, 0.2), numbers(0.9, 0.9), category=False).reading == "uniform"
    one_each = measure_drift(names("a" * 500), names("b" * 500), category=True)
    assert one_each.reading == "uniform"
    lost = measure_drift(names("a" * 500), names("b" * 200 + "." * 300), category=True)
    assert lost.reading == "shifted"


def test_categories_are_compared_by_value() -> None:
    assert drift_of_names("aabbc" * 20, "cbaba" * 20) == 0
    counts = stability_index(np.array([20.0, 10.0, 2.0, 1.0]), np.array([10.0, 10.0, 2.0, 1.0]))
    seen = drift_of_names("a" * 20 + "b" * 10 + "cc" + ".", "a" * 10 + "b" * 10 + "cc" + ".")
    assert seen == pytest.approx(counts)


def test_names_unknown_then_are_counted_together() -> None:
    apart = drift_of_names("a" * 50 + "b" * 50, "a" * 50 + "c" * 25 + "d" * 25)
    together = drift_of_names("a" * 50 + "b" * 50, "a" * 50 + "c" * 50)
    assert apart == together > 1


def test_a_name_that_says_missing_is_a_name() -> None:
    then = pd.Series(["missing"] * 60 + ["others"] * 40, dtype="str")
    now = pd.Series(["missing"] * 60 + [None] * 40, dtype="str")
    assert measure_drift(then, now, category=True).reading == "shifted"


def test_many_rare_names_do_not_pass_for_drift() -> None:
    random = np.random.default_rng(6)
    streets = [f"street {number}" for number in range(3000)]
    then, now = (pd.Series(random.choice(streets, 2000), dtype="str") for _ in range(2))
    assert measure_drift(then, now, category=True).reading == "stable"


def test_chance_is_stated_and_not_called_drift() -> None:
    """Of samples from one distribution, one in twenty passes the line; that is what it means."""
    random = np.random.default_rng(7)
    drifts = [
        measure_drift(pd.Series(random.normal(size=150)), pd.Series(random.normal(size=90)),
                      category=False)
        for _ in range(600)
    ]  # fmt: skip
    beyond = np.mean([drift.psi > drift.psi_by_chance for drift in drifts])
    assert 0.015 < beyond < 0.08
    usual = np.mean([drift.psi > 0.1 for drift in drifts])
    assert usual > 0.5  # the fixed line alone would cry wolf
    assert np.mean([drift.reading == "stable" for drift in drifts]) == pytest.approx(1 - beyond)


def test_the_commonest_come_first_and_ties_by_name() -> None:
    assert common_values(names("ccabbz."), 3) == ["b", "c", "a"]
