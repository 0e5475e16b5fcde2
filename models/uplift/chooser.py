"""Which ranking to treat by: an uplift learner, the plain response model, or none at all.

Every candidate is cross-fitted, and its gain over random measured with doubly robust scores.
With customer ``i`` at place ``u_i`` of a ranking (0 last, 1 first) and score ``psi_i``, the area
between its Qini curve and random is the mean of ``psi_i (u_i - 1/2)``: a plain mean, whose
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
"""Standard errors that count as noise: the rule of pruning (Breiman et al. 1984, 3.4.3)."""


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
    """The ranking to treat by, and all that was compared.

    Attributes
    ----------
    areas, leads
        Of every candidate: area over random, and over the response model.
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
    scores, places
        By candidate, shape (n,): the score less its fold's mean, and the place from 0 to 1
        within the fold (folds are models of their own and do not compare).
    pseudo
        Doubly robust score of each customer, whose mean is the average effect.
    """

    scores: Mapping[str, Floats]
    places: Mapping[str, Floats]
    pseudo: Floats


def choose(
    trial: Trial,
    parameters: BoostingParameters,
    *,
    folds: int,
    seed: int,
    on_fold: Callable[[], None] = lambda: None,
) -> Choice:
    """Cross-fit every candidate and choose the simplest that none beats by more than noise."""
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
    places = {name: np.empty(len(trial)) for name in names}
    if_treated, if_held_out = np.empty(len(trial)), np.empty(len(trial))
    for held in range(folds):
        rows = fold == held
        learned = fit_learners(trial.take(~rows), parameters)
        for name in names:
            said = learned[name].score(trial.X[rows])
            scores[name][rows] = said - said.mean()
            places[name][rows] = (rankdata(said) - 0.5) / len(said)
        if_treated[rows], if_held_out[rows] = arm_chances(learned["t"], trial.X[rows])
        on_fold()
    return CrossFitted(scores, places, pseudo_outcomes(trial, if_treated, if_held_out))


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
    areas = {name: _area(fitted.pseudo * (place - 0.5)) for name, place in fitted.places.items()}
    of_response = fitted.places[RESPONSE]
    leads = {
        name: _area(fitted.pseudo * (fitted.places[name] - of_response)) for name in UPLIFT_LEARNERS
    }
    best = max(UPLIFT_LEARNERS, key=lambda name: areas[name].value)
    beats_response = leads[best].errors_ahead > _NOISE
    chosen = best if beats_response else RESPONSE
    line = _fit_line(fitted.scores[chosen], fitted.pseudo)
    if areas[chosen].errors_ahead <= _NOISE or line.slope <= 0:
        because = (
            f"no ranking is ahead of random by more than noise (the best, {chosen}, by "
            f"{areas[chosen].errors_ahead:.1f} standard errors): everyone gets the average effect"
        )
        return Choice(NONE, because, areas, leads, _flat_line(fitted.pseudo))
    verdict = "ahead of" if beats_response else "not ahead by more than noise of"
    because = (
        f"the best uplift learner, {best}, is {verdict} the response model "
        f"({leads[best].errors_ahead:+.1f} standard errors); {chosen} is ahead of random by "
        f"{areas[chosen].errors_ahead:.1f}"
    )
    return Choice(chosen, because, areas, leads, line)


def _area(contributions: Floats) -> Area:
    error = contributions.std(ddof=1) / np.sqrt(len(contributions))
    return Area(float(contributions.mean()), float(error))


def _flat_line(pseudo: Floats) -> EffectLine:
    average = _area(pseudo)
    return EffectLine(average.value, 0.0, 0.0, average.error**2, 0.0)


def _fit_line(scores: Floats, pseudo: Floats) -> EffectLine:
    """Fit by least squares, with variances that do not suppose equal spread (White 1980).

    The slope is drawn to zero by what chance explains of it (James & Stein 1961, positive part):
    it reaches it at one standard error.
    """
    flat = _flat_line(pseudo)
    squares = float(scores @ scores)
    if squares == 0:
        return flat
    slope = float(scores @ pseudo) / squares
    residual = pseudo - flat.level - slope * scores
    variance = float((scores**2) @ (residual**2)) / squares**2
    kept = max(0.0, 1 - variance / slope**2) if slope != 0 else 0.0
    return EffectLine(flat.level, kept * slope, 0.0, flat.level_variance, variance)
