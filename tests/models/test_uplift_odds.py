"""The learner that moves log-odds, where the truth is that all are moved alike, or by a trait."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit

from models.uplift.learners import UPLIFT_BOOSTING, fit_learners
from models.uplift.odds import fit_odds
from models.uplift.traits import EffectColumns
from models.uplift.trial import Trial

Floats = NDArray[np.float64]
LEVEL = 0.6


def world(n: int, seed: int, by_trait: float = 0.0, share: float = 0.5) -> tuple[Trial, Floats]:
    """Draw customers of very different habits by lot, and return them with their true effects.

    The treatment adds ``LEVEL`` to everyone's log-odds, and ``by_trait`` times a trait.
    """
    rng = np.random.default_rng(seed)
    habit, trait, nothing = rng.standard_normal((3, n))
    known = -2.0 + 1.5 * habit
    delta = LEVEL + by_trait * trait
    treated = (rng.random(n) < share).astype(np.float64)
    outcome = (rng.random(n) < expit(known + treated * delta)).astype(np.float64)
    X = np.column_stack([habit, trait, nothing])
    return Trial(X, treated, outcome, np.full(n, share)), expit(known + delta) - expit(known)


@pytest.mark.parametrize("share", [0.5, 0.8])
def test_one_odds_ratio_for_all_is_found_and_means_most_where_an_order_is_likely(
    share: float,
) -> None:
    trial, effect = world(20_000, 0, share=share)
    found = fit_odds(trial, seed=0)
    assert found.change.level == pytest.approx(LEVEL, abs=0.15)
    estimated = found.score(trial.X, share)
    assert np.corrcoef(estimated, effect)[0, 1] > 0.9
    assert estimated.mean() == pytest.approx(effect.mean(), abs=0.01)


def test_it_is_nearer_to_the_truth_than_learners_that_must_find_the_habit_in_the_effect() -> None:
    trial, _ = world(12_000, 1, by_trait=0.4)
    asked, effect = world(4_000, 2, by_trait=0.4)
    learned = fit_learners(trial, UPLIFT_BOOSTING)
    error = {
        name: float(np.mean((learned[name].score(asked.X) - effect) ** 2))
        for name in ("t", "x", "odds")
    }
    assert error["odds"] < 0.8 * min(error["t"], error["x"])


def test_where_a_contact_changes_nothing_the_estimate_is_nearly_zero() -> None:
    rng = np.random.default_rng(3)
    trial, _ = world(20_000, 3)
    coin = (rng.random(len(trial)) < 0.5).astype(np.float64)
    found = fit_odds(Trial(trial.X, coin, trial.outcome, np.full(len(trial), 0.5)), seed=0)
    assert np.abs(found.score(trial.X, 0.5)).mean() < 0.02


def test_what_the_outcome_trees_learned_by_heart_is_not_taken_off_the_effect() -> None:
    """Trees that saw a customer's outcome explain it too well, and little is left to the effect."""
    levels = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((1_000, 50))
        treated = (rng.random(1_000) < 0.5).astype(np.float64)
        outcome = (rng.random(1_000) < expit(-0.5 + 2.0 * treated)).astype(np.float64)
        trial = Trial(X, treated, outcome, np.full(1_000, 0.5), [], EffectColumns(()))
        levels.append(fit_odds(trial, seed=0).change.level)
    # Had the trees seen the customers, it would be 1.7.
    assert np.mean(levels) == pytest.approx(2.0, abs=0.15)
