"""The effect in log-odds, on top of what else is known of the outcome.

Who hardly ever comes cannot gain much by a contact, and of those who come often a small change
of the odds is many outcomes: effects are more alike in log-odds than in probability, so that
there is less to be learned. With ``b`` the log-odds of the outcome whoever was treated and ``e``
the propensity,

    log-odds P(outcome | x, t) = b(x) + (t - e(x)) delta(x),    delta(x) = level + w z(x)

``b`` may learn from both arms together, with trees as large as for any outcome; ``delta``, of
which records hold a hundred times less evidence, is one level for all and a sum over a few traits
(:mod:`models.uplift.traits`). ``b`` is cross-fitted, so that its errors do not pass for effects
(Nie & Wager 2021, the R-learner; Gao & Hastie 2022, "Estimating heterogeneous treatment effects
for general responses", the same for natural parameters).

How far each trait's weights are drawn to 0 the records decide (empirical Bayes): they are normal
around it, with the variance under which the outcomes are likeliest, found by expectation and
maximisation (MacKay 1992, "Bayesian interpolation"; Tipping 2001, automatic relevance
determination). A trait that does not move the effect is switched off.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import lightgbm
import numpy as np
from scipy.special import expit

from models.boosting import BoostingParameters, Ensemble
from models.uplift.traits import EffectColumns, Taste, Trait, all_terms, traits_from_json
from models.uplift.trial import Floats, Trial, deal_folds

OUTCOME_BOOSTING: Final = BoostingParameters(
    rounds=80, learning_rate=0.1, min_rows_in_leaf=100, members=1
)

_FOLDS = 3
# One Newton step a round: weights follow the precisions, which converge much more slowly.
_ROUNDS = 50
# Precisions (one over the variance) of weights: the first, and the ends of their range.
_FIRST_PRECISION = 50.0
_LEAST_PRECISION, _MOST_PRECISION = 0.1, 1e5
# The level is hardly drawn to 0: only so much that outcomes which are all certain leave it finite.
_LEVEL_PRECISION = 1e-6


@dataclass(frozen=True)
class LogOddsChange:
    """``delta``: what a treatment adds to a customer's log-odds, by traits.

    Attributes
    ----------
    level
        Of a customer with the mean of every trait.
    weights
        One for each term of the traits, in their order.
    """

    level: float
    traits: tuple[Trait | Taste, ...]
    weights: tuple[float, ...]

    def score(self, X: Floats) -> Floats:
        """Return ``delta``, shape (n,)."""
        return np.asarray(self.level + all_terms(self.traits, X) @ np.array(self.weights))

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> LogOddsChange:
        """Rebuild from what :meth:`to_json` gave."""
        traits = traits_from_json(stored["traits"])
        return cls(stored["level"], traits, tuple(stored["weights"]))


@dataclass(frozen=True)
class OddsEffect:
    """Fitted parts: the outcome's log-odds, and by how much the treatment moves them.

    Attributes
    ----------
    outcome
        Trees for ``b``, those of all folds together.
    """

    outcome: Ensemble
    change: LogOddsChange

    def score(self, X: Floats, treated_share: float) -> Floats:
        """Return the estimated effect on P(outcome), shape (n,)."""
        known = self.outcome.raw_score(X)
        delta = self.change.score(X)
        if_treated, if_held_out = known + (1 - treated_share) * delta, known - treated_share * delta
        return np.asarray(expit(if_treated) - expit(if_held_out), dtype=np.float64)


def fit_odds(trial: Trial, *, seed: int) -> OddsEffect:
    """Fit ``b`` on the folds that a customer is not in, then ``delta``."""
    fold = deal_folds(2 * trial.treated + trial.outcome, _FOLDS, seed)
    known = np.empty(len(trial))
    boosters: list[lightgbm.Booster] = []
    for number in range(_FOLDS):
        train, test = fold != number, fold == number
        trees = Ensemble.fit(
            trial.X[train],
            trial.outcome[train],
            objective="binary",
            parameters=replace(OUTCOME_BOOSTING, seed=seed),
            categorical=trial.categorical,
        )
        known[test] = trees.raw_score(trial.X[test])
        boosters.extend(trees.boosters)
    return OddsEffect(Ensemble(tuple(boosters)), fit_log_odds_change(trial, known))


def fit_log_odds_change(trial: Trial, known: Floats) -> LogOddsChange:
    """Fit ``delta`` given the log-odds ``known`` of each customer, shape (n,)."""
    columns = trial.effect_columns or EffectColumns(tuple(range(trial.X.shape[1])))
    traits = columns.fit(trial.X, trial.categorical)
    sizes = np.array([trait.size for trait in traits], dtype=np.int64)
    group = np.repeat(np.arange(len(traits)), sizes)
    treatment = (trial.treated - trial.propensity)[:, None]
    design = np.column_stack([np.ones(len(trial)), all_terms(traits, trial.X)]) * treatment
    weights = np.zeros(design.shape[1])
    precision = np.full(len(traits), _FIRST_PRECISION)
    for _ in range(_ROUNDS):
        prior = np.concatenate([[_LEVEL_PRECISION], precision[group]])
        weights, variance = _newton_step(weights, design, known, trial.outcome, prior)
        # Of each trait: terms over the expected sum of their squared weights.
        squares = np.bincount(group, weights[1:] ** 2 + variance[1:], len(traits))
        precision = np.clip(sizes / squares, _LEAST_PRECISION, _MOST_PRECISION)
    return LogOddsChange(float(weights[0]), traits, tuple(weights[1:].tolist()))


def _newton_step(
    weights: Floats, design: Floats, known: Floats, outcome: Floats, precision: Floats
) -> tuple[Floats, Floats]:
    """Return likelier weights under normal priors of such precision, and their variances.

    A step of Newton's method in a logistic regression with the offset ``known``.
    """
    chance = expit(known + design @ weights)
    gradient = design.T @ (chance - outcome) + precision * weights
    hessian = (design * (chance * (1 - chance))[:, None]).T @ design + np.diag(precision)
    covariance = np.asarray(np.linalg.inv(hessian), dtype=np.float64)
    return weights - covariance @ gradient, np.diag(covariance)
