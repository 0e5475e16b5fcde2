"""Churn probability for a plain table: a stack of boosted trees and a spline logistic regression.

The two make different errors. Their weights, the size of the trees, the stiffness of the
regression, and the level and slope of the probabilities are all chosen on held-out folds (stacking,
Wolpert 1992; Platt 1999).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_expit

from features.errors import TrainingError
from models.boosting import BoostingParameters, Ensemble
from models.given_label.folds import Folds, forward_folds, stratified_folds
from models.given_label.schema import Kind, Kinds, as_columns, read_as
from models.given_label.splines import SplineLogistic
from models.state import load_state, save_state
from models.tabular import Encoder

Floats = NDArray[np.float64]
Choice = TypeVar("Choice")

# Tiny trees suit tables with additive effects; larger ones find interactions.
SHAPES = (
    BoostingParameters(
        rounds=400, learning_rate=0.05, leaves=3, min_rows_in_leaf=40, column_share=0.3, members=1
    ),
    BoostingParameters(
        rounds=200, learning_rate=0.05, leaves=8, min_rows_in_leaf=20, column_share=1.0,
        l2=1.0, members=1,
    ),
)  # fmt: skip
_LOOSENESS = (0.03, 0.3, 3.0)
_INNER_FOLDS = 4
_FEWEST_OF_EACH = 2
# Prior weight, in rows, of equal weights of one half and a level of zero.
_PRIOR_ROWS = 5.0


@dataclass(frozen=True)
class Blend:
    """``logit = level + regression * (its logit) + trees * (theirs)``; weights are at least 0."""

    level: float
    regression: float
    trees: float

    def apply(self, regression: Floats, trees: Floats) -> Floats:
        """Return blended logits."""
        return np.asarray(self.level + self.regression * regression + self.trees * trees)


class GivenLabelModel:
    """Calibrated probability of the label, from a table's own columns.

    Parameters
    ----------
    kinds
        The columns to read and what they hold; see :func:`infer_kinds`.
    in_time_order
        Rows come in order of time: inner folds are then forward in time, never at random.
    shapes
        Hyperparameters of the trees to choose from.
    """

    classes_ = np.array([0, 1])

    def __init__(
        self,
        kinds: Kinds,
        *,
        in_time_order: bool = False,
        shapes: Sequence[BoostingParameters] = SHAPES,
        seed: int = 0,
    ) -> None:
        self.kinds = dict(kinds)
        self.in_time_order = in_time_order
        self.shapes = tuple(shapes)
        self.seed = seed

    def fit(
        self, table: pd.DataFrame, outcomes: Floats, on_step: Callable[[], None] = lambda: None
    ) -> Self:
        """Learn from rows and their outcomes, 0 or 1.

        Parameters
        ----------
        on_step
            Called :data:`FIT_STEPS` times.

        Raises
        ------
        TrainingError
            An outcome is met fewer than twice.
        """
        if min(int(outcomes.sum()), int((1 - outcomes).sum())) < _FEWEST_OF_EACH:
            raise TrainingError(
                f"{int(outcomes.sum())} of {len(outcomes)} rows have the positive label: "
                "there is nothing to tell apart",
                "bring rows of both outcomes, or correct labelled.positive",
            )
        typed = read_as(table, self.kinds, "the table")
        self.encoder_ = Encoder.fit(typed, as_columns(self.kinds))
        if not self.encoder_.columns:
            raise TrainingError(
                "no column of the table differs between rows: there is nothing to learn from",
                "bring columns that describe the customers, or take some out of leave_out",
            )
        X = self.encoder_.transform(typed)
        self.looseness_, self.boosting_, self.blend_ = self._stack(X, outcomes, on_step)
        self.regression_ = self._fit_regression(X, outcomes, self.looseness_)
        self.trees_ = self._fit_trees(X, outcomes, self.boosting_)
        on_step()
        return self

    def predict_proba(self, table: pd.DataFrame) -> Floats:
        """Return an (n, 2) array: P(stays), P(churns).

        Raises
        ------
        DataError
            A column that the model reads is missing.
        """
        X = self._matrix(table)
        logits = self.blend_.apply(self.regression_.raw_score(X), self.trees_.raw_score(X))
        churn = expit(logits)
        return np.column_stack([1.0 - churn, churn])

    def contributions(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return each column's contribution to the logit, one row per customer.

        With the logit of the average customer they add up to the customer's own.
        """
        X = self._matrix(table)
        parts = self.blend_.regression * self.regression_.contributions(X)
        parts += self.blend_.trees * self.trees_.contributions(X)[:, :-1]
        return pd.DataFrame(parts, columns=list(self.encoder_.columns))

    def importance(self, table: pd.DataFrame) -> dict[str, float]:
        """Return each column's mean absolute contribution over the rows of a table."""
        means = self.contributions(table).abs().mean()
        return {str(name): float(value) for name, value in means.items()}

    def save(self, folder: Path) -> None:
        """Write JSON, arrays and LightGBM text."""
        save_state(
            folder,
            {
                "kinds": self.kinds,
                "in_time_order": self.in_time_order,
                "boosting": asdict(self.boosting_),
                "seed": self.seed,
                "encoder": self.encoder_.to_json(),
                "looseness": self.looseness_,
                "blend": asdict(self.blend_),
            },
        )
        self.regression_.save(folder / "regression")
        self.trees_.save(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what :meth:`save` wrote."""
        stored, _ = load_state(folder)
        kinds: dict[str, Kind] = stored["kinds"]
        model = cls(
            kinds,
            in_time_order=stored["in_time_order"],
            shapes=(BoostingParameters(**stored["boosting"]),),
            seed=stored["seed"],
        )
        (model.boosting_,) = model.shapes
        model.encoder_ = Encoder.from_json(stored["encoder"])
        model.looseness_ = stored["looseness"]
        model.blend_ = Blend(**stored["blend"])
        model.regression_ = SplineLogistic.load(folder / "regression")
        model.trees_ = Ensemble.load(folder)
        return model

    def _matrix(self, table: pd.DataFrame) -> Floats:
        return self.encoder_.transform(read_as(table, self.kinds, "the table"))

    def _folds(self, outcomes: Floats) -> Folds:
        """Return the inner folds in which both parts can be fitted."""
        fewest = int(min(outcomes.sum(), (1 - outcomes).sum()))
        if self.in_time_order:
            folds = forward_folds(len(outcomes), _INNER_FOLDS)
        else:
            folds = stratified_folds(outcomes, min(_INNER_FOLDS, fewest), self.seed)
        return [(past, held) for past, held in folds if len(np.unique(outcomes[past])) == 2]

    def _stack(
        self, X: Floats, outcomes: Floats, on_step: Callable[[], None]
    ) -> tuple[float, BoostingParameters, Blend]:
        """Choose the ridge, the trees and the blend by rows held out from all of them."""
        regressions: dict[float, list[Floats]] = {looseness: [] for looseness in _LOOSENESS}
        trees: dict[BoostingParameters, list[Floats]] = {shape: [] for shape in self.shapes}
        truth = []
        folds = self._folds(outcomes)
        for past, held in folds:
            for looseness, scores in regressions.items():
                regression = self._fit_regression(X[past], outcomes[past], looseness)
                scores.append(regression.raw_score(X[held]))
            for shape, scores in trees.items():
                fitted = self._fit_trees(X[past], outcomes[past], shape)
                scores.append(fitted.raw_score(X[held]))
            truth.append(outcomes[held])
            on_step()
        for _ in range(_INNER_FOLDS - len(folds)):
            on_step()
        if not folds:
            return _LOOSENESS[0], self.shapes[0], Blend(0.0, 0.5, 0.5)
        happened = np.concatenate(truth)
        looseness, of_regression = _best(regressions, happened)
        shape, of_trees = _best(trees, happened)
        return looseness, shape, fit_blend(of_regression, of_trees, happened)

    def _fit_regression(self, X: Floats, outcomes: Floats, looseness: float) -> SplineLogistic:
        names = tuple(len(self.encoder_.categories.get(n, ())) for n in self.encoder_.columns)
        return SplineLogistic.fit(X, outcomes, names, looseness)

    def _fit_trees(self, X: Floats, outcomes: Floats, shape: BoostingParameters) -> Ensemble:
        return Ensemble.fit(
            X,
            outcomes,
            weight=np.ones(len(outcomes)),
            objective="binary",
            parameters=replace(shape, seed=self.seed),
            categorical=self.encoder_.categorical_positions,
        )


FIT_STEPS = _INNER_FOLDS + 1


def fit_blend(regression: Floats, trees: Floats, outcomes: Floats) -> Blend:
    """Fit the blend by (penalised) maximum likelihood on logits of held-out rows."""

    def loss(theta: Floats) -> tuple[float, Floats]:
        logits = theta[0] + theta[1] * regression + theta[2] * trees
        residual = expit(logits) - outcomes
        pull = np.array([theta[0], theta[1] - 0.5, theta[2] - 0.5])
        gradient = np.array([residual.sum(), residual @ regression, residual @ trees])
        fit = -log_expit((2.0 * outcomes - 1.0) * logits).sum()
        return float(fit + 0.5 * _PRIOR_ROWS * pull @ pull), gradient + _PRIOR_ROWS * pull

    start = np.array([0.0, 0.5, 0.5])
    bounds = [(-5.0, 5.0), (0.0, 3.0), (0.0, 3.0)]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds)
    return Blend(*(float(value) for value in found.x))


def _best(candidates: Mapping[Choice, list[Floats]], outcomes: Floats) -> tuple[Choice, Floats]:
    """Return the candidate whose held-out logits have the least log loss, and those logits."""
    logits = {name: np.concatenate(scores) for name, scores in candidates.items()}
    sign = 2.0 * outcomes - 1.0
    best = min(logits, key=lambda name: float(-log_expit(sign * logits[name]).sum()))
    return best, logits[best]
