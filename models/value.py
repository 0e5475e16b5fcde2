"""Value: expected discounted margin over the horizon, P(buys) x E[margin | buys].

The first part is the churn model at the value's horizon. The second is learned on buyers
alone, on the logarithm of their margin, and brought back to money by smearing (Duan 1983):
most customers spend little and a few very much, and squared errors would see only the few.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import TrainingError
from features.family import Column
from models.boosting import BoostingParameters, Ensemble
from models.churn import ChurnModel, as_of_days, recency_weight
from models.state import load_state, save_state

Floats = NDArray[np.float64]

_FEWEST_BUYERS = 20


class ValueModel:
    """Expected margin over the horizon, in money.

    Parameters
    ----------
    horizon_days
        Over which margin is counted.
    """

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
        margin: Floats,
        columns: Sequence[Column],
        on_round: Callable[[], None] = lambda: None,
    ) -> Self:
        """Learn from vectors, whether each customer churned, and the margin each brought.

        Raises
        ------
        TrainingError
            Fewer than 20 training rows bought at a profit.
        """
        buyers = (churned == 0) & (margin > 0)
        if buyers.sum() < _FEWEST_BUYERS:
            raise TrainingError(
                f"only {int(buyers.sum())} training rows bought with a positive margin",
                "bring a longer history, or check unit_cost and shop.margin_rate",
            )
        self.buys_ = ChurnModel(
            self.horizon_days, boosting=self.boosting, half_life_days=self.half_life_days
        ).fit(vectors, churned, columns, on_round)
        X = self.buys_.encoder_.transform(vectors[buyers])
        weight = recency_weight(as_of_days(vectors[buyers]), self.half_life_days)
        self.amount_ = Ensemble.fit(
            X,
            np.log(margin[buyers]),
            weight=weight,
            objective="regression",
            parameters=self.boosting,
            categorical=self.buys_.encoder_.categorical_positions,
            on_round=on_round,
        )
        self.smearing_ = self._smearing(vectors, churned, margin)
        return self

    def fit_rounds(self, vectors: pd.DataFrame) -> int:
        """Return how many boosting rounds :meth:`fit` will take on these rows."""
        model = ChurnModel(self.horizon_days, boosting=self.boosting)
        return model.fit_rounds(vectors) + self.boosting.rounds * self.boosting.members

    def predict_if_buys(self, vectors: pd.DataFrame) -> Floats:
        """Return E[margin | buys], money, shape (n,)."""
        scores = self.amount_.raw_score(self.buys_.encoder_.transform(vectors))
        return self.smearing_ * np.exp(scores)

    def predict(self, vectors: pd.DataFrame) -> Floats:
        """Return P(buys) x E[margin | buys], money, shape (n,)."""
        return self.buys_.predict_proba(vectors)[:, 0] * self.predict_if_buys(vectors)

    def _smearing(self, vectors: pd.DataFrame, churned: Floats, margin: Floats) -> float:
        """Return the factor that makes buyers' predicted and actual totals agree.

        Buyers at a loss are in the totals, so that value is not flattered by leaving them out.
        """
        buyers = churned == 0
        weight = recency_weight(as_of_days(vectors[buyers]), self.half_life_days)
        X = self.buys_.encoder_.transform(vectors[buyers])
        predicted = np.exp(self.amount_.raw_score(X))
        return float(max(weight @ margin[buyers], 0.0) / (weight @ predicted))

    def save(self, folder: Path) -> None:
        """Write both parts as JSON and LightGBM text."""
        save_state(folder, {"horizon_days": self.horizon_days, "smearing": self.smearing_})
        self.buys_.save(folder / "buys")
        self.amount_.save(folder / "amount")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what :meth:`save` wrote."""
        stored, _ = load_state(folder)
        buys = ChurnModel.load(folder / "buys")
        model = cls(
            stored["horizon_days"], boosting=buys.boosting, half_life_days=buys.half_life_days
        )
        model.buys_ = buys
        model.amount_ = Ensemble.load(folder / "amount")
        model.smearing_ = stored["smearing"]
        return model
