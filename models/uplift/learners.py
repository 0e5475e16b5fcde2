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

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from scipy.special import expit

from models.boosting import BoostingParameters, Ensemble
from models.state import load_state, save_state
from models.uplift.odds import Departures, OddsEffect, fit_odds
from models.uplift.trial import Booleans, Floats, Trial

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
    departures
        Of ``odds``: what the treatment adds to each customer's log-odds; else None.
    """

    learner: str
    parts: tuple[Ensemble, ...]
    treated_share: float
    departures: Departures | None = None

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
        if self.departures is not None:
            return OddsEffect(model, self.departures).score(X, self.treated_share)
        if self.learner == "class_transformation":
            return 2 * _chance(model, X) - 1
        return _chance(model, X)

    def save(self, folder: Path) -> None:
        """Write JSON, and LightGBM text for each part."""
        parameters = {
            "learner": self.learner,
            "treated_share": self.treated_share,
            "departures": None if self.departures is None else self.departures.to_json(),
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
        found = stored["departures"]
        departures = None if found is None else Departures.from_json(found)
        return cls(stored["learner"], tuple(parts), stored["treated_share"], departures)


def fit_learners(trial: Trial, parameters: BoostingParameters) -> dict[str, EffectModel]:
    """Fit every learner, and the response model, on the same customers."""
    treated = trial.treated == 1
    share = float(trial.propensity.mean())
    everyone = np.ones(len(trial), dtype=np.bool_)
    with_arm = np.hstack([trial.X, trial.treated[:, None]])

    def grow(X: Floats, target: Floats, rows: Booleans, objective: str = "binary") -> Ensemble:
        return Ensemble.fit(
            X[rows],
            target[rows],
            weight=np.ones(int(rows.sum())),
            objective=objective,
            parameters=parameters,
            categorical=trial.categorical,
        )

    of_treated = grow(trial.X, trial.outcome, treated)
    of_held_out = grow(trial.X, trial.outcome, ~treated)
    # Each arm is compared with a model that never saw it: no customer predicts itself.
    gained = trial.outcome - _chance(of_held_out, trial.X)
    forgone = _chance(of_treated, trial.X) - trial.outcome
    parts = {
        "s": (grow(with_arm, trial.outcome, everyone),),
        "t": (of_treated, of_held_out),
        "x": (
            grow(trial.X, gained, treated, "regression"),
            grow(trial.X, forgone, ~treated, "regression"),
        ),
        "class_transformation": (_fit_transformed(trial, parameters),),
        RESPONSE: (of_treated,),
    }
    learned = {name: EffectModel(name, each, share) for name, each in parts.items()}
    odds = fit_odds(trial, seed=parameters.seed)
    learned["odds"] = EffectModel("odds", (odds.outcome,), share, odds.departures)
    return learned


def _fit_transformed(trial: Trial, parameters: BoostingParameters) -> Ensemble:
    """Learn who was treated with the outcome, or held out without it."""
    return Ensemble.fit(
        trial.X,
        np.where(trial.treated == 1, trial.outcome, 1 - trial.outcome),
        weight=trial.weight,
        objective="binary",
        parameters=parameters,
        categorical=trial.categorical,
    )


def arm_chances(t_learner: EffectModel, X: Floats) -> tuple[Floats, Floats]:
    """Return P(outcome | treated) and P(outcome | held out) by the models of ``t``."""
    of_treated, of_held_out = t_learner.parts
    return _chance(of_treated, X), _chance(of_held_out, X)


def _chance(model: Ensemble, X: Floats) -> Floats:
    return np.asarray(expit(model.raw_score(X)), dtype=np.float64)
