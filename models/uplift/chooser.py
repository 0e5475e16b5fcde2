"""Which ranking to treat by: an uplift learner, the plain response model, or none at all.

Every candidate is cross-fitted, and its gain over random measured with doubly robust scores. With
``u_i`` the fractional rank of customer ``i`` (0 last, 1 first) and ``psi_i`` the score, the area
between a ranking's Qini curve and random is the mean of ``psi_i (u_i - 1/2)``: a plain mean, whose
standard error, and that of the difference of two rankings, need no resampling (Yadlowsky,
Fleming, Shah, Brunskill & Wager 2021, "Evaluating treatment prioritization rules", the Qini
weighting). The simpler ranking is kept unless the other is ahead by more than noise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from scipy.stats import rankdata

from models.boosting import BoostingParameters
from models.uplift.learners import RESPONSE, UPLIFT_LEARNERS, arm_chances, fit_learners
from models.uplift.trial import Floats, Trial, deal_folds

NONE: Final = "none"
"""No heterogeneity: everyone is expected to gain the same."""

_NOISE = 1.0
"""Standard errors that count as noise: as in pruning trees (Breiman et al. 1984, 3.4.3)."""


@dataclass(frozen=True)
class Area:
    """Area between a Qini curve and random, in outcomes per customer, and its standard error."""

    value: float
    error: float

    @property
    def errors_ahead(self) -> float:
        """Standard errors above zero."""
        return self.value / self.error if self.error > 0 else 0.0


@dataclass(frozen=True)
class EffectLine:
    """The effect as a straight line of a score, with the variances of level and slope.

    Scores rank well before they measure well: the line is the best linear predictor of the
    effect (Chernozhukov, Demirer, Duflo & Fernandez-Val 2018, section 2.1), fitted on customers
    that the scores had not seen. A slope of 0 is the average effect for all.
    """

    level: float
    slope: float
    centre: float
    level_variance: float
    slope_variance: float

    def effect(self, scores: Floats) -> Floats:
        """Return the effect at each score."""
        return np.asarray(self.level + self.slope * (scores - self.centre))

    def error(self, scores: Floats) -> Floats:
        """Return the standard error of the line at each score."""
        away = scores - self.centre
        return np.sqrt(self.level_variance + self.slope_variance * away**2)


@dataclass(frozen=True)
class Choice:
    """The ranking by which to treat, and the candidates it was chosen from.

    Attributes
    ----------
    areas, leads
        By candidate: the area over random, and over the response model.
    line
        Turns the chosen ranking's scores into effects.
    """

    chosen: str
    because: str
    areas: Mapping[str, Area]
    leads: Mapping[str, Area]
    line: EffectLine

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Choice:
        """Rebuild from what :meth:`to_json` gave."""
        areas, leads = (
            {name: Area(**each) for name, each in stored[key].items()} for key in ("areas", "leads")
        )
        line = EffectLine(**stored["line"])
        return cls(stored["chosen"], stored["because"], areas, leads, line)


@dataclass(frozen=True, eq=False)
class CrossFitted:
    """Scores of customers by models that did not see them.

    Attributes
    ----------
    scores, ranks
        By candidate, shape (n,): the score less its fold's mean, and the fractional rank from 0
        to 1 within the fold (scores of different folds come from different models).
    pseudo_outcome
        Doubly robust score of each customer, whose mean is the average effect.
    """

    scores: Mapping[str, Floats]
    ranks: Mapping[str, Floats]
    pseudo_outcome: Floats


def choose(
    trial: Trial,
    parameters: BoostingParameters,
    *,
    folds: int,
    seed: int,
    on_fold: Callable[[], None] = lambda: None,
) -> Choice:
    """Cross-fit every candidate, and choose the simplest that no other beats by more than noise."""
    return choose_from(cross_fit(trial, parameters, folds=folds, seed=seed, on_fold=on_fold))


def cross_fit(
    trial: Trial,
    parameters: BoostingParameters,
    *,
    folds: int,
    seed: int,
    on_fold: Callable[[], None] = lambda: None,
) -> CrossFitted:
    """Score every customer by every candidate fitted on the other folds."""
    fold = deal_folds(2 * trial.treated + trial.outcome, folds, seed)
    names = (*UPLIFT_LEARNERS, RESPONSE)
    scores = {name: np.empty(len(trial)) for name in names}
    ranks = {name: np.empty(len(trial)) for name in names}
    if_treated, if_held_out = np.empty(len(trial)), np.empty(len(trial))
    for number in range(folds):
        rows = fold == number
        learned = fit_learners(trial.take(~rows), parameters)
        for name in names:
            estimated = learned[name].score(trial.X[rows])
            scores[name][rows] = estimated - estimated.mean()
            ranks[name][rows] = (rankdata(estimated) - 0.5) / len(estimated)
        if_treated[rows], if_held_out[rows] = arm_chances(learned["t"], trial.X[rows])
        on_fold()
    return CrossFitted(scores, ranks, pseudo_outcomes(trial, if_treated, if_held_out))


def pseudo_outcomes(trial: Trial, if_treated: Floats, if_held_out: Floats) -> Floats:
    """Return augmented inverse-propensity scores (Robins, Rotnitzky & Zhao 1994).

    Their mean estimates the average effect if either the outcome models or the propensities
    are right.
    """
    expected = np.where(trial.treated == 1, if_treated, if_held_out)
    sign = 2 * trial.treated - 1
    return if_treated - if_held_out + sign * trial.weight * (trial.outcome - expected)


def choose_from(fitted: CrossFitted) -> Choice:
    """Choose among cross-fitted candidates."""
    effect, ranks = fitted.pseudo_outcome, fitted.ranks
    areas = {name: _area(effect * (rank - 0.5)) for name, rank in ranks.items()}
    leads = {name: _area(effect * (ranks[name] - ranks[RESPONSE])) for name in UPLIFT_LEARNERS}
    best = max(UPLIFT_LEARNERS, key=lambda name: areas[name].value)
    beats_response = leads[best].errors_ahead > _NOISE
    chosen = best if beats_response else RESPONSE
    line = _fit_line(fitted.scores[chosen], effect)
    if areas[chosen].errors_ahead <= _NOISE or line.slope <= 0:
        because = (
            f"no ranking is ahead of random by more than noise (the best, {chosen}, by "
            f"{areas[chosen].errors_ahead:.1f} standard errors): everyone gets the average effect"
        )
        return Choice(NONE, because, areas, leads, _flat_line(effect))
    verdict = "ahead of" if beats_response else "not ahead by more than noise of"
    because = (
        f"the best uplift learner, {best}, is {verdict} the response model "
        f"({leads[best].errors_ahead:+.1f} standard errors); {chosen} is ahead of random by "
        f"{areas[chosen].errors_ahead:.1f}"
    )
    return Choice(chosen, because, areas, leads, line)


def _area(terms: Floats) -> Area:
    """Return the mean of the customers' terms, and its standard error."""
    return Area(float(terms.mean()), float(terms.std(ddof=1) / np.sqrt(len(terms))))


def _flat_line(pseudo_outcome: Floats) -> EffectLine:
    """Return the average effect for all."""
    average = _area(pseudo_outcome)
    return EffectLine(average.value, 0.0, 0.0, average.error**2, 0.0)


def _fit_line(scores: Floats, pseudo_outcome: Floats) -> EffectLine:
    """Fit by least squares, with variances that hold whatever the spread (White 1980).

    The slope is shrunk to zero as far as chance explains it (James & Stein 1961, positive part): a
    slope of one standard error or less becomes 0.
    """
    flat = _flat_line(pseudo_outcome)
    squares = float(scores @ scores)
    if squares == 0:
        return flat
    slope = float(scores @ pseudo_outcome) / squares
    residual = pseudo_outcome - flat.level - slope * scores
    variance = float((scores**2) @ (residual**2)) / squares**2
    kept = max(0.0, 1 - variance / slope**2) if slope != 0 else 0.0
    return EffectLine(flat.level, kept * slope, 0.0, flat.level_variance, variance)
