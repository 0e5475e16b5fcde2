"""Effects per customer by five meta-learners on LightGBM, and the response model beside them.

All learn from one :class:`~models.uplift.trial.Trial`; what they share is fitted once.

- ``s``: one model with the treatment as a feature; the difference of its two answers.
- ``t``: one model per arm; the difference of their answers.
- ``x``: each arm's customers against what the other arm's model expects of them, the two
  answers weighed by the share of the other arm (Künzel, Sekhon, Bickel & Yu 2019, eqs. 7-9).
- ``class_transformation``: P(treated with the outcome, or held out without it), each arm given
  equal weight by its propensity: effect = 2 P - 1 (Jaskowski & Jaroszewicz 2012).
- ``odds``: the treatment moves the log-odds of an outcome that is itself learned from everyone;
  see :mod:`models.uplift.odds`.
- ``response``: P(outcome | treated). No effect, only a rank: what most lists are sorted by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from scipy.special import expit

from models.boosting import BoostingParameters, Ensemble
from models.state import load_state, save_state
from models.uplift.odds import LogOddsChange, OddsEffect, fit_odds
from models.uplift.trial import Floats, Trial

UPLIFT_LEARNERS: Final = ("s", "t", "x", "class_transformation", "odds")
RESPONSE: Final = "response"

UPLIFT_BOOSTING: Final = BoostingParameters(
    rounds=40, learning_rate=0.05, leaves=4, column_share=0.7, members=1
)
"""Effects are a tenth of what outcomes vary by: much smaller trees than for the outcomes."""


@dataclass(frozen=True)
class EffectModel:
    """One fitted learner.

    Attributes
    ----------
    learner
        A name of :data:`UPLIFT_LEARNERS`, or :data:`RESPONSE`.
    parts
        Its ensembles, in the order in which :func:`fit_learners` makes them.
    treated_share
        Mean propensity, by which ``x`` weighs its two parts and ``odds`` splits what it moves.
    change
        Of ``odds``: what the treatment adds to each customer's log-odds; else None.
    """

    learner: str
    parts: tuple[Ensemble, ...]
    treated_share: float
    change: LogOddsChange | None = None

    def score(self, X: Floats) -> Floats:
        """Return the estimated effect (of ``response``: the chance if treated), shape (n,)."""
        if self.learner == "s":
            one, none = np.ones((len(X), 1)), np.zeros((len(X), 1))
            (model,) = self.parts
            return _chance(model, np.hstack([X, one])) - _chance(model, np.hstack([X, none]))
        if self.learner == "t":
            of_treated, of_held_out = self.parts
            return _chance(of_treated, X) - _chance(of_held_out, X)
        if self.learner == "x":
            from_treated, from_held_out = self.parts
            share = self.treated_share
            return (1 - share) * from_treated.raw_score(X) + share * from_held_out.raw_score(X)
        (model,) = self.parts
        if self.change is not None:
            return OddsEffect(model, self.change).score(X, self.treated_share)
        if self.learner == "class_transformation":
            return 2 * _chance(model, X) - 1
        return _chance(model, X)

    def save(self, folder: Path) -> None:
        """Write JSON, and LightGBM text for each part."""
        parameters = {
            "learner": self.learner,
            "treated_share": self.treated_share,
            "change": None if self.change is None else self.change.to_json(),
            "parts": len(self.parts),
        }
        save_state(folder, parameters)
        for number, part in enumerate(self.parts):
            part.save(folder / f"part_{number}")

    @classmethod
    def load(cls, folder: Path) -> EffectModel:
        """Read back what :meth:`save` wrote."""
        stored, _ = load_state(folder)
        parts = (Ensemble.load(folder / f"part_{number}") for number in range(stored["parts"]))
        found = stored["change"]
        change = None if found is None else LogOddsChange.from_json(found)
        return cls(stored["learner"], tuple(parts), stored["treated_share"], change)


def fit_learners(
    trial: Trial,
    parameters: BoostingParameters,
    names: Sequence[str] = (*UPLIFT_LEARNERS, RESPONSE),
) -> dict[str, EffectModel]:
    """Fit learners, by default all and the response model, on the same customers."""
    fitting = _Fitting(trial, parameters)
    share = float(trial.propensity.mean())
    learned: dict[str, EffectModel] = {}
    for name in names:
        if name == "odds":
            odds = fit_odds(trial, seed=parameters.seed)
            learned[name] = EffectModel(name, (odds.outcome,), share, odds.change)
        else:
            learned[name] = EffectModel(name, _PARTS[name](fitting), share)
    return learned


@dataclass(frozen=True, eq=False)
class _Fitting:
    """A trial and the models of its arms, which several learners are made of."""

    trial: Trial
    parameters: BoostingParameters

    def fit_trees(
        self, X: Floats, target: Floats, objective: str = "binary", weight: Floats | None = None
    ) -> Ensemble:
        """Fit trees; every row weighs the same by default."""
        return Ensemble.fit(
            X,
            target,
            weight=np.ones(len(X)) if weight is None else weight,
            objective=objective,
            parameters=self.parameters,
            categorical=self.trial.categorical,
        )

    @cached_property
    def of_treated(self) -> Ensemble:
        """P(outcome) of the treated."""
        treated = self.trial.treated == 1
        return self.fit_trees(self.trial.X[treated], self.trial.outcome[treated])

    @cached_property
    def of_held_out(self) -> Ensemble:
        """P(outcome) of the held out."""
        held_out = self.trial.treated == 0
        return self.fit_trees(self.trial.X[held_out], self.trial.outcome[held_out])


def _fit_s(fitting: _Fitting) -> tuple[Ensemble, ...]:
    trial = fitting.trial
    return (fitting.fit_trees(np.hstack([trial.X, trial.treated[:, None]]), trial.outcome),)


def _fit_t(fitting: _Fitting) -> tuple[Ensemble, ...]:
    return fitting.of_treated, fitting.of_held_out


def _fit_x(fitting: _Fitting) -> tuple[Ensemble, ...]:
    """Compare each arm with a model that never saw it: no customer predicts itself."""
    trial = fitting.trial
    treated, held_out = (trial.take(trial.treated == arm) for arm in (1, 0))
    gained = treated.outcome - _chance(fitting.of_held_out, treated.X)
    forgone = _chance(fitting.of_treated, held_out.X) - held_out.outcome
    return (
        fitting.fit_trees(treated.X, gained, "regression"),
        fitting.fit_trees(held_out.X, forgone, "regression"),
    )


def _fit_class_transformation(fitting: _Fitting) -> tuple[Ensemble, ...]:
    """Learn who was treated with the outcome, or held out without it."""
    trial = fitting.trial
    target = np.where(trial.treated == 1, trial.outcome, 1 - trial.outcome)
    return (fitting.fit_trees(trial.X, target, weight=trial.weight),)


def _fit_response(fitting: _Fitting) -> tuple[Ensemble, ...]:
    return (fitting.of_treated,)


_PARTS: Final[Mapping[str, Callable[[_Fitting], tuple[Ensemble, ...]]]] = {
    "s": _fit_s,
    "t": _fit_t,
    "x": _fit_x,
    "class_transformation": _fit_class_transformation,
    RESPONSE: _fit_response,
}


def arm_chances(t_learner: EffectModel, X: Floats) -> tuple[Floats, Floats]:
    """Return P(outcome | treated) and P(outcome | held out) by the models of ``t``."""
    of_treated, of_held_out = t_learner.parts
    return _chance(of_treated, X), _chance(of_held_out, X)


def _chance(model: Ensemble, X: Floats) -> Floats:
    return np.asarray(expit(model.raw_score(X)), dtype=np.float64)
