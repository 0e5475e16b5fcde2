"""P(outcome) from customers' columns, calibrated: who takes up an offer that is made.

No effect is claimed: some would have bought anyway. It prices what acceptance is worth, and it
is the rival that an uplift model has to beat.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final, Self

import numpy as np
import pandas as pd
from scipy.special import expit

from features.errors import TrainingError
from features.family import Column
from models.boosting import BoostingParameters, Ensemble
from models.churn_value.calibration import fit_slope
from models.state import load_state, save_state
from models.tabular import Encoder
from models.uplift.trial import Floats, deal_folds

RESPONSE_BOOSTING: Final = BoostingParameters(
    rounds=250, learning_rate=0.05, leaves=15, min_rows_in_leaf=40, members=1
)

_CALIBRATION_FOLDS = 3


class ResponseModel:
    """Calibrated probability of a binary outcome.

    Boosted trees, whose scores are stretched and levelled by the folds that trees of the same
    recipe had not seen (Platt 1999).
    """

    classes_ = np.array([0, 1])

    def __init__(self, *, boosting: BoostingParameters = RESPONSE_BOOSTING, seed: int = 0) -> None:
        self.boosting = boosting
        self.seed = seed

    def fit(
        self,
        customers: pd.DataFrame,
        outcome: Floats,
        known: Sequence[Column],
        on_fold: Callable[[], None] = lambda: None,
    ) -> Self:
        """Learn from rows and outcomes of 0 or 1; ``on_fold`` is called 4 times.

        Raises
        ------
        TrainingError
            An outcome is met fewer than three times.
        """
        if min(outcome.sum(), len(outcome) - outcome.sum()) < _CALIBRATION_FOLDS:
            raise TrainingError(
                f"{int(outcome.sum())} of {len(outcome)} customers had the outcome: there is "
                "nothing to tell apart",
                "bring customers who took the offer up, and some who did not",
            )
        self.encoder_ = Encoder.fit(customers, known)
        X = self.encoder_.transform(customers)
        scores = np.empty(len(outcome))
        fold = deal_folds(outcome, _CALIBRATION_FOLDS, self.seed)
        for number in range(_CALIBRATION_FOLDS):
            rows = fold == number
            scores[rows] = self._grow(X[~rows], outcome[~rows]).raw_score(X[rows])
            on_fold()
        together = np.zeros(len(outcome), dtype=np.int64)
        self.slope_, self.level_ = fit_slope(scores, outcome, together)
        self.centre_ = float(scores.mean())
        self.trees_ = self._grow(X, outcome)
        on_fold()
        return self

    def predict_proba(self, customers: pd.DataFrame) -> Floats:
        """Return an (n, 2) array: P(no outcome), P(outcome)."""
        scores = self.trees_.raw_score(self.encoder_.transform(customers))
        chance = expit(self.centre_ + self.slope_ * (scores - self.centre_) + self.level_)
        return np.column_stack([1.0 - chance, chance])

    def save(self, folder: Path) -> None:
        """Write JSON and LightGBM text."""
        save_state(
            folder,
            {
                "boosting": asdict(self.boosting),
                "seed": self.seed,
                "encoder": self.encoder_.to_json(),
                "calibration": [self.slope_, self.level_, self.centre_],
            },
        )
        self.trees_.save(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what :meth:`save` wrote."""
        stored, _ = load_state(folder)
        model = cls(boosting=BoostingParameters(**stored["boosting"]), seed=stored["seed"])
        model.encoder_ = Encoder.from_json(stored["encoder"])
        model.slope_, model.level_, model.centre_ = stored["calibration"]
        model.trees_ = Ensemble.load(folder)
        return model

    def _grow(self, X: Floats, outcome: Floats) -> Ensemble:
        return Ensemble.fit(
            X,
            outcome,
            weight=np.ones(len(outcome)),
            objective="binary",
            parameters=replace(self.boosting, seed=self.seed),
            categorical=self.encoder_.categorical_positions,
        )
