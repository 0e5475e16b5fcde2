"""The effect in log-odds, on top of what else is known of the outcome.

Who hardly ever comes cannot gain much by a contact, and of those who come often a small change
of the odds is many outcomes: effects are more alike in log-odds than in probability, so that
there less is to be learned. With ``b`` the log-odds of the outcome whoever was treated and ``e``
the propensity,

    log-odds P(outcome | x, t) = b(x) + (t - e(x)) delta(x)

``b`` may learn from both arms together, with trees as large as for any outcome; ``delta``, of
which the records say a hundred times less, is one level for all and stumps that depart from it.
``b`` is cross-fitted, so that its errors do not pass for effects (Nie & Wager 2021, the
R-learner; Gao & Hastie 2022, "Estimating heterogeneous treatment effects for general responses",
the same for natural parameters).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import lightgbm
import numpy as np
from scipy.special import expit

from models.boosting import BoostingParameters, Ensemble
from models.uplift.trial import Floats, Trial, deal_folds

OUTCOME_BOOSTING: Final = BoostingParameters(
    rounds=80, learning_rate=0.1, min_rows_in_leaf=100, members=1
)
ODDS_BOOSTING: Final = BoostingParameters(
    rounds=100, learning_rate=0.05, leaves=2, min_rows_in_leaf=4_000, column_share=0.5, members=1
)
"""Chosen on simulated shops of other seeds than any that is reported."""

_FOLDS = 3
_NEWTON_STEPS = 20
_SMALLEST_CURVATURE = 1e-6


@dataclass(frozen=True)
class OddsEffect:
    """Fitted parts: the outcome's log-odds, and by how much the treatment moves them.

    Attributes
    ----------
    outcome
        Trees for ``b``, those of all folds together.
    level, departures
        ``delta`` is the level and, by trees, each customer's departure from it.
    """

    outcome: Ensemble
    departures: Ensemble
    level: float

    def score(self, X: Floats, treated_share: float) -> Floats:
        """Return the estimated effect on P(outcome), shape (n,)."""
        known = self.outcome.raw_score(X)
        delta = self.level + self.departures.raw_score(X)
        if_treated, if_held_out = known + (1 - treated_share) * delta, known - treated_share * delta
        return np.asarray(expit(if_treated) - expit(if_held_out), dtype=np.float64)


def fit_odds(trial: Trial, *, seed: int) -> OddsEffect:
    """Fit ``b`` on the folds that a customer is not in, the level of ``delta``, then its trees."""
    fold = deal_folds(2 * trial.treated + trial.outcome, _FOLDS, seed)
    known = np.empty(len(trial))
    boosters: list[lightgbm.Booster] = []
    for held in range(_FOLDS):
        taught = trial.take(fold != held)
        trees = Ensemble.fit(
            taught.X,
            taught.outcome,
            objective="binary",
            parameters=replace(OUTCOME_BOOSTING, seed=seed),
            categorical=trial.categorical,
        )
        known[fold == held] = trees.raw_score(trial.X[fold == held])
        boosters.extend(trees.boosters)
    lever = trial.treated - trial.propensity
    level = _common_level(known, lever, trial.outcome)
    departures = Ensemble.fit(
        trial.X,
        trial.outcome,
        objective=lambda: _MovedOdds(known + level * lever, lever, trial.outcome),
        parameters=replace(ODDS_BOOSTING, seed=seed),
        categorical=trial.categorical,
    )
    return OddsEffect(Ensemble(tuple(boosters)), departures, level)


@dataclass(frozen=True, eq=False)
class _MovedOdds:
    """Log loss where a score moves the log-odds by as much as the treatment differs from chance.

    All of shape (n,): ``known`` the log-odds at a score of 0, ``lever`` what a score is taken
    times.
    """

    known: Floats
    lever: Floats
    outcome: Floats

    def __call__(self, scores: Floats, _data: Any, /) -> tuple[Floats, Floats]:
        chance = expit(self.known + self.lever * scores)
        curvature = chance * (1 - chance) * self.lever**2
        return (chance - self.outcome) * self.lever, np.maximum(curvature, _SMALLEST_CURVATURE)


def _common_level(known: Floats, lever: Floats, outcome: Floats) -> float:
    """Return the ``delta`` that, the same for all, makes the outcomes likeliest (Newton)."""
    loss = _MovedOdds(known, lever, outcome)
    level = 0.0
    for _ in range(_NEWTON_STEPS):
        slope, curvature = loss(np.full(len(known), level), None)
        level -= float(slope.sum() / curvature.sum())
    return level
