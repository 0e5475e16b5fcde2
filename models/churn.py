"""Churn: P(no net-positive order in the horizon), from customer vectors.

LightGBM on rolling-origin rows, older rows weighted down, calibrated on windows later than
those that the scoring trees had seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from features.errors import TrainingError
from features.family import Column
from features.rollup import to_epoch_day
from features.vocabulary import Columns as C
from models.boosting import BoostingParameters, Ensemble
from models.calibration import SeasonalCalibration, fit_slope
from models.state import load_state, save_state
from models.tabular import Encoder

Floats = NDArray[np.float64]

_CALIBRATION_WINDOWS = 3


class ChurnModel:
    """Calibrated churn probability.

    Parameters
    ----------
    horizon_days
        Length of the label window; calibration keeps windows this far from what was learned.
    half_life_days
        A row this much older than the latest counts half.
    """

    classes_ = np.array([0, 1])

    def __init__(
        self,
        horizon_days: int,
        *,
        boosting: BoostingParameters | None = None,
        half_life_days: float = 250.0,
    ) -> None:
        self.horizon_days = horizon_days
        self.boosting = boosting or BoostingParameters()
        self.half_life_days = half_life_days

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
        if len(np.unique(churned)) < 2:
            raise TrainingError(
                "every training customer has the same outcome: there is nothing to tell apart",
                "choose another horizon (training.horizon_days) or bring a longer history",
            )
        days = as_of_days(vectors)
        self.encoder_ = Encoder.fit(vectors, columns)
        X = self.encoder_.transform(vectors)
        slope, level = self._out_of_time(X, churned, days, on_round)
        self.ensemble_ = self._fit_trees(X, churned, days, on_round)
        scores = self.ensemble_.raw_score(X)
        seasons = np.unique(days)
        self.calibration_ = SeasonalCalibration(
            slope,
            level,
            tuple(int(day) for day in seasons),
            tuple(float(scores[days == day].mean()) for day in seasons),
        )
        return self

    def fit_rounds(self, vectors: pd.DataFrame) -> int:
        """Return how many boosting rounds :meth:`fit` will take on these rows."""
        windows = len(_later_windows(as_of_days(vectors), self.horizon_days))
        return self.boosting.rounds * self.boosting.members * (1 + windows)

    def predict_proba(self, vectors: pd.DataFrame) -> Floats:
        """Return an (n, 2) array: P(stays), P(churns)."""
        scores = self.ensemble_.raw_score(self.encoder_.transform(vectors))
        churn = expit(self.calibration_.apply(scores, as_of_days(vectors)))
        return np.column_stack([1.0 - churn, churn])

    def contributions(self, vectors: pd.DataFrame) -> pd.DataFrame:
        """Return each feature's contribution to the churn logit, one row per customer."""
        parts = self.ensemble_.contributions(self.encoder_.transform(vectors))
        return pd.DataFrame(parts[:, :-1], columns=list(self.encoder_.columns))

    def importance(self) -> dict[str, float]:
        """Return each feature's share of the training gain."""
        return dict(zip(self.encoder_.columns, self.ensemble_.gain().tolist(), strict=True))

    def save(self, folder: Path) -> None:
        """Write the model as JSON and LightGBM text."""
        parameters = {
            "horizon_days": self.horizon_days,
            "half_life_days": self.half_life_days,
            "boosting": asdict(self.boosting),
            "encoder": self.encoder_.to_json(),
            "calibration": self.calibration_.to_json(),
        }
        save_state(folder, parameters)
        self.ensemble_.save(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what :meth:`save` wrote."""
        stored, _ = load_state(folder)
        model = cls(
            stored["horizon_days"],
            boosting=BoostingParameters(**stored["boosting"]),
            half_life_days=stored["half_life_days"],
        )
        model.encoder_ = Encoder.from_json(stored["encoder"])
        model.calibration_ = SeasonalCalibration.from_json(stored["calibration"])
        model.ensemble_ = Ensemble.load(folder)
        return model

    def _fit_trees(
        self,
        X: Floats,
        churned: Floats,
        days: NDArray[np.int64],
        on_round: Callable[[], None],
    ) -> Ensemble:
        return Ensemble.fit(
            X,
            churned,
            weight=recency_weight(days, self.half_life_days),
            objective="binary",
            parameters=self.boosting,
            categorical=self.encoder_.categorical_positions,
            on_round=on_round,
        )

    def _out_of_time(
        self,
        X: Floats,
        churned: Floats,
        days: NDArray[np.int64],
        on_round: Callable[[], None],
    ) -> tuple[float, float]:
        """Score the latest windows by trees that could not have seen them; fit the slope.

        By whole ensembles: averaging makes scores timid, so one member would tell another slope.
        """
        scores, outcomes, windows = [], [], []
        for day in _later_windows(days, self.horizon_days):
            past, now = days <= day - self.horizon_days, days == day
            trees = self._fit_trees(X[past], churned[past], days[past], on_round)
            scores.append(trees.raw_score(X[now]))
            outcomes.append(churned[now])
            windows.append(days[now])
        if not scores:
            return 1.0, 0.0
        return fit_slope(*(np.concatenate(part) for part in (scores, outcomes, windows)))


def as_of_days(vectors: pd.DataFrame) -> NDArray[np.int64]:
    """Return each row's cutoff in days since 1970-01-01."""
    codes, dates = pd.factorize(vectors[C.AS_OF])
    numbers = np.array([to_epoch_day(day) for day in dates], dtype=np.int64)
    return numbers[codes] if len(codes) else np.zeros(0, dtype=np.int64)


def recency_weight(days: NDArray[np.int64], half_life_days: float) -> Floats:
    """Return row weights that halve every ``half_life_days`` before the latest cutoff."""
    return np.asarray(0.5 ** ((days.max() - days) / half_life_days), dtype=np.float64)


def _later_windows(days: NDArray[np.int64], horizon_days: int) -> list[int]:
    """Return the latest cutoffs that have another cutoff a whole horizon before them."""
    cutoffs = np.unique(days)
    usable = cutoffs[cutoffs >= cutoffs[0] + horizon_days] if len(cutoffs) else cutoffs
    return [int(day) for day in usable[-_CALIBRATION_WINDOWS:]]
