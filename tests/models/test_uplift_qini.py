"""Qini against closed forms: what random, the best ranking and the worst must score."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.uplift.qini import qini_curve, qini_table
from models.uplift.trial import Trial, deal_folds


def trial_of(treated: list[int], outcome: list[int], propensity: float = 0.5) -> Trial:
    n = len(treated)
    return Trial(
        np.zeros((n, 0)),
        np.array(treated, dtype=np.float64),
        np.array(outcome, dtype=np.float64),
        np.full(n, propensity),
    )


def persuadable_first(n: int = 400) -> Trial:
    """A quarter visits only if treated, a quarter always, the rest never."""
    treated = np.tile([1, 0], n // 2)
    kind = np.repeat([0, 1, 2, 2], n // 4)
    outcome = np.where(kind == 0, treated, np.where(kind == 1, 1, 0))
    return trial_of(treated.tolist(), outcome.tolist())


def test_the_curve_of_a_worked_example() -> None:
    trial = trial_of([1, 0, 1, 0], [1, 0, 0, 0])
    curve = qini_curve(np.array([2.0, 2.0, 1.0, 1.0]), trial)
    np.testing.assert_allclose(curve.share, [0, 0.5, 1])
    np.testing.assert_allclose(curve.gain, [0, 0.5, 0.5])
    assert curve.average_effect == 0.5
    assert curve.area == pytest.approx(0.125)
    assert curve.qini == pytest.approx(0.125 / (0.5 * 0.5 / 2))


def test_the_best_ranking_without_anyone_put_off_scores_one() -> None:
    trial = persuadable_first()
    kind = np.repeat([0, 1, 2, 2], 100)
    assert trial.average_effect == pytest.approx(0.25)
    assert qini_curve((kind == 0).astype(np.float64), trial).qini == pytest.approx(1.0)


def test_equal_scores_are_a_random_order_and_score_zero() -> None:
    assert qini_curve(np.ones(400), persuadable_first()).qini == pytest.approx(0.0)


def test_the_reversed_ranking_scores_the_opposite() -> None:
    trial = persuadable_first()
    score = np.repeat([3.0, 1.0, 2.0, 2.0], 100)
    there, back = qini_curve(score, trial), qini_curve(-score, trial)
    assert back.area == pytest.approx(-there.area)


def test_a_campaign_that_gains_nothing_has_no_qini_but_an_area() -> None:
    curve = qini_curve(np.array([2.0, 2.0, 1.0, 1.0]), trial_of([1, 0, 1, 0], [1, 0, 0, 1]))
    assert np.isnan(curve.qini)
    assert curve.area == pytest.approx(0.25)


def test_unequal_propensities_are_weighed_out() -> None:
    """Half the customers are treated nine times as often; the effect of all is the same."""
    rng = np.random.default_rng(0)
    n = 200_000
    often = rng.random(n) < 0.5
    propensity = np.where(often, 0.9, 0.1)
    treated = (rng.random(n) < propensity).astype(np.float64)
    base = np.where(often, 0.6, 0.2)
    outcome = (rng.random(n) < base + 0.1 * treated).astype(np.float64)
    trial = Trial(np.zeros((n, 0)), treated, outcome, propensity)
    assert qini_curve(rng.random(n), trial).average_effect == pytest.approx(0.1, abs=0.01)
    naive = outcome[treated == 1].mean() - outcome[treated == 0].mean()
    assert naive > 0.3


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 3)), min_size=4, max_size=40),
    st.integers(0, 10_000),
)
def test_neither_row_order_nor_the_scale_of_scores_matters(
    rows: list[tuple[bool, bool, int]], seed: int
) -> None:
    rows = [*rows, (True, True, 0), (False, False, 0)]
    treated, outcome, score = (np.array(each, dtype=np.float64) for each in zip(*rows, strict=True))
    trial = trial_of(treated.astype(int).tolist(), outcome.astype(int).tolist())
    order = np.random.default_rng(seed).permutation(len(rows))
    here = qini_curve(score, trial)
    there = qini_curve(np.exp(score[order]), trial.take(order))
    np.testing.assert_allclose(there.gain, here.gain, atol=1e-12)
    assert here.average_effect == pytest.approx(trial.average_effect)


def noisy_trial(seed: int, n: int = 2_000) -> tuple[Trial, np.ndarray]:
    rng = np.random.default_rng(seed)
    treated = (rng.random(n) < 0.5).astype(np.float64)
    x = rng.random(n)
    outcome = (rng.random(n) < 0.2 + 0.3 * x * treated).astype(np.float64)
    return Trial(x[:, None], treated, outcome, np.full(n, 0.5)), x


def test_bands_hold_the_true_qini_about_as_often_as_they_say() -> None:
    """Effect 0.3 x of a uniform x: gain s (2 - s) 0.15, area 0.025, of 0.15 x 0.85 / 2."""
    truth = 0.025 / (0.15 * 0.85 / 2)
    inside = 0
    for seed in range(40):
        trial, x = noisy_trial(seed)
        row = qini_table({"x": x}, trial, "x", replicates=80, seed=seed).loc["x"]
        inside += row["low"] <= truth <= row["high"]
    assert inside >= 33


def test_the_lead_on_oneself_is_nothing_and_repeats_are_averaged() -> None:
    trial, x = noisy_trial(0)
    noise = np.random.default_rng(1).random(len(x))
    table = qini_table({"x": x, "twice": np.stack([x, noise])}, trial, "x", replicates=20)
    assert table.loc["x", ["lead", "lead_low", "lead_high"]].tolist() == [0, 0, 0]
    mean = (qini_curve(x, trial).qini + qini_curve(noise, trial).qini) / 2
    assert table.loc["twice", "qini"] == pytest.approx(mean)
    assert table.loc["twice", "lead_high"] < 0


def test_folds_are_even_in_size_and_in_every_stratum() -> None:
    strata = np.repeat([0, 1, 2], [7, 50, 13])
    fold = deal_folds(strata, 5, seed=0)
    assert np.ptp(np.bincount(fold)) <= 1
    for stratum in range(3):
        assert np.ptp(np.bincount(fold[strata == stratum], minlength=5)) <= 1
