"""Churn: P(no net-positive order in the horizon), read from the curve of time to the next order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd

from features.errors import TrainingError
from features.family import Column
from models.boosting import BoostingParameters, Ensemble
from models.churn_value.horizons import Days, Floats, Outcomes
from models.churn_value.survival import SurvivalModel, as_of_days
from models.state import load_state, save_state
from models.tabular import Encoder

_FOLDER = "curve"

# Fits a curve on outcomes and their columns, telling each round; returns the fitted one.
FitCurve = Callable[[SurvivalModel, Outcomes, Sequence[Column], Callable[[], None]], SurvivalModel]


class ChurnModel:
    """Calibrated churn probability at one horizon of a survival curve.

    Parameters
    ----------
    horizon_days
        The churn horizon, one of the curve's.
    curve
        A fitted curve to read from; by default :meth:`fit` learns one of this horizon alone.
    """

    classes_ = np.array([0, 1])

    def __init__(
        self,
        horizon_days: int,
        *,
        boosting: BoostingParameters | None = None,
        half_life_days: float = 250.0,
        curve: SurvivalModel | None = None,
    ) -> None:
        self.horizon_days = horizon_days
        self.curve_ = curve or SurvivalModel(
            [horizon_days], boosting=boosting, half_life_days=half_life_days
        )

    def fit(
        self,
        vectors: pd.DataFrame,
        churned: Floats,
        columns: Sequence[Column],
        on_round: Callable[[], None] = lambda: None,
    ) -> Self:
        """Learn from rows of ``vectors`` (features and ``as_of``) and their outcomes.

        Raises
        ------
        TrainingError
            All rows have the same outcome.
        """
        outcomes = Outcomes(vectors, as_of_days(vectors), (self.horizon_days,), churned[:, None])
        return self.fit_outcomes(outcomes, columns, on_round)

    def fit_outcomes(
        self,
        outcomes: Outcomes,
        columns: Sequence[Column],
        on_round: Callable[[], None] = lambda: None,
        fit_curve: FitCurve = SurvivalModel.fit,
    ) -> Self:
        """Learn from several horizons at once, the churn horizon among them.

        Parameters
        ----------
        fit_curve
            Fits the curve, or finds one that was fitted on the same outcomes.

        Raises
        ------
        TrainingError
            All rows have the same outcome.
        """
        silent = outcomes.silent[:, outcomes.horizons_days.index(self.horizon_days)]
        if len(np.unique(silent[~np.isnan(silent)])) < 2:
            raise TrainingError(
                "every training customer has the same outcome: there is nothing to tell apart",
                "choose another horizon (training.horizon_days) or bring a longer history",
            )
        curve = SurvivalModel(
            outcomes.horizons_days,
            boosting=self.curve_.boosting,
            half_life_days=self.curve_.half_life_days,
        )
        self.curve_ = fit_curve(curve, outcomes, columns, on_round)
        return self

    def fit_rounds(self, vectors: pd.DataFrame) -> int:
        """Return how many boosting rounds :meth:`fit` will take on these rows."""
        days = as_of_days(vectors)
        mixed = np.tile([0.0, 1.0], len(days))[: len(days), None]
        return self.curve_.fit_rounds(Outcomes(vectors, days, (self.horizon_days,), mixed))

    def predict_proba(self, vectors: pd.DataFrame) -> Floats:
        """Return an (n, 2) array: P(stays), P(churns)."""
        return self._columns(self.curve_.predict(vectors))

    def predict_encoded(self, X: Floats, days: Days) -> Floats:
        """Answer as :meth:`predict_proba` from the encoded matrix and the rows' cutoffs."""
        return self._columns(self.curve_.predict_encoded(X, days))

    def contributions(self, vectors: pd.DataFrame) -> pd.DataFrame:
        """Return each feature's contribution to the churn logit, one row per customer."""
        return self.curve_.contributions(vectors)

    def importance(self) -> dict[str, float]:
        """Return each feature's share of the trees' gain, beyond :mod:`.history_score`."""
        return dict(zip(self.encoder_.columns, self.ensemble_.gain().tolist(), strict=True))

    @property
    def encoder_(self) -> Encoder:
        """Which columns are read."""
        return self.curve_.encoder_

    @property
    def ensemble_(self) -> Ensemble:
        """The trees behind the curve."""
        return self.curve_.ensemble_

    @property
    def slope_(self) -> float:
        """How far the trees' scores are stretched at this horizon."""
        return float(self.curve_.slopes_[self._place])

    def save(self, folder: Path) -> None:
        """Write the curve and which of its horizons this is."""
        save_state(folder, {"horizon_days": self.horizon_days})
        self.curve_.save(folder / _FOLDER)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what :meth:`save` wrote."""
        stored, _ = load_state(folder)
        return cls(stored["horizon_days"], curve=SurvivalModel.load(folder / _FOLDER))

    @property
    def _place(self) -> int:
        return self.curve_.horizons_days.index(self.horizon_days)

    def _columns(self, silence: Floats) -> Floats:
        churn = silence[:, self._place]
        return np.column_stack([1.0 - churn, churn])
