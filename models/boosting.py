"""LightGBM ensembles on a fixed recipe: small trees, strong regularisation, seeded.

An ensemble averages boosters that differ in their seed alone; it steadies the scores of
customers for whom there is little evidence. State is LightGBM's own text form.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class BoostingParameters:
    """What may be tuned; defaults were chosen on validation windows of a real shop."""

    rounds: int = 100
    learning_rate: float = 0.06
    leaves: int = 15
    min_rows_in_leaf: int = 200
    column_share: float = 0.4
    row_share: float = 0.7
    l2: float = 10.0
    members: int = 3
    seed: int = 0

    def for_lightgbm(self, objective: str, member: int) -> dict[str, Any]:
        """Return LightGBM's parameters for one member of the ensemble."""
        return {
            "objective": objective,
            "learning_rate": self.learning_rate,
            "num_leaves": self.leaves,
            "min_data_in_leaf": self.min_rows_in_leaf,
            "feature_fraction": self.column_share,
            "bagging_fraction": self.row_share,
            "bagging_freq": 1,
            "lambda_l2": self.l2,
            "seed": self.seed + member,
            "deterministic": True,
            "force_row_wise": True,
            "verbose": -1,
        }


@dataclass(frozen=True)
class Ensemble:
    """Fitted boosters whose raw scores are averaged."""

    boosters: tuple[lightgbm.Booster, ...]

    @classmethod
    def fit(
        cls,
        X: Floats,
        y: Floats,
        *,
        weight: Floats,
        objective: str,
        parameters: BoostingParameters,
        categorical: list[int],
        on_round: Callable[[], None] = lambda: None,
    ) -> Ensemble:
        """Fit all members on (n, features) ``X``, targets ``y`` and row weights."""
        few = max(1, min(parameters.min_rows_in_leaf, len(y) // 20))
        data = lightgbm.Dataset(
            X, y, weight=weight, categorical_feature=categorical, free_raw_data=False
        )
        boosters = []
        for member in range(parameters.members):
            settings = {**parameters.for_lightgbm(objective, member), "min_data_in_leaf": few}
            boosters.append(
                lightgbm.train(settings, data, parameters.rounds, callbacks=[lambda _: on_round()])
            )
        return cls(tuple(boosters))

    def raw_score(self, X: Floats) -> Floats:
        """Return the mean score before the link function, shape (n,)."""
        if len(X) == 0:
            return np.zeros(0)
        scores = [booster.predict(X, raw_score=True) for booster in self.boosters]
        return np.asarray(np.mean(scores, axis=0), dtype=np.float64)

    def contributions(self, X: Floats) -> Floats:
        """Return SHAP contributions to the raw score, (n, features + 1); last is the base."""
        if len(X) == 0:
            return np.zeros((0, X.shape[1] + 1))
        parts = [booster.predict(X, pred_contrib=True) for booster in self.boosters]
        return np.asarray(np.mean(parts, axis=0), dtype=np.float64)

    def gain(self) -> Floats:
        """Return each feature's share of the training gain."""
        gains = [booster.feature_importance("gain") for booster in self.boosters]
        total = np.mean(gains, axis=0)
        return np.asarray(total / max(total.sum(), 1e-12), dtype=np.float64)

    def save(self, folder: Path) -> None:
        """Write one text file a member."""
        folder.mkdir(parents=True, exist_ok=True)
        for number, booster in enumerate(self.boosters):
            # Padded, so that files sort as members do: sums must be in the same order.
            booster.save_model(str(folder / f"booster_{number:03}.txt"))

    @classmethod
    def load(cls, folder: Path) -> Ensemble:
        """Read back what :meth:`save` wrote."""
        files = sorted(folder.glob("booster_*.txt"))
        return cls(tuple(lightgbm.Booster(model_file=str(file)) for file in files))
