"""LightGBM ensembles on a fixed recipe: small trees, strong regularisation, seeded.

An ensemble averages boosters that differ in their seed alone; it steadies the scores of
customers for whom there is little evidence. State is LightGBM's own text form.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import lightgbm
import numpy as np
from numpy.typing import NDArray

from features.errors import TrainingError

Floats = NDArray[np.float64]

_FEWEST_COLUMNS = 5  # to choose from in each tree, however small the share of so few
_ROWS_TO_PLACE_BINS = 50_000


class Objective(Protocol):
    """A loss of our own: gradient and Hessian at the present scores."""

    def __call__(self, scores: Floats, data: Any, /) -> tuple[Floats, Floats]:
        """Return both, shape (n,) each."""
        ...


@dataclass(frozen=True)
class BoostingParameters:
    """What may be tuned; defaults were chosen on validation windows of a real shop."""

    rounds: int = 60
    learning_rate: float = 0.06
    leaves: int = 15
    min_rows_in_leaf: int = 200
    column_share: float = 0.15
    row_share: float = 0.7
    most_rows_a_tree: int = 40_000
    l2: float = 10.0
    members: int = 2
    seed: int = 0
    threads: int = 0  # all cores

    def for_lightgbm(self, objective: Any, member: int, shape: tuple[int, ...]) -> dict[str, Any]:
        """Return LightGBM's parameters for one member, given (rows, columns) to learn from."""
        rows, columns = shape
        return {
            "objective": objective,
            # With an objective of our own this would be a constant that no saved tree holds.
            "boost_from_average": isinstance(objective, str),
            "learning_rate": self.learning_rate,
            "num_leaves": self.leaves,
            # Never more than a twentieth of all: small shops must be able to split at all.
            "min_data_in_leaf": max(1, min(self.min_rows_in_leaf, rows // 20)),
            "feature_fraction": max(self.column_share, min(1.0, _FEWEST_COLUMNS / max(columns, 1))),
            "bagging_fraction": min(self.row_share, self.most_rows_a_tree / max(rows, 1)),
            "bagging_freq": 1,
            "lambda_l2": self.l2,
            "seed": self.seed + member,
            "num_threads": self.threads,
            "deterministic": True,
            # A tree looks at few of the columns: by rows it would read them all, in twice the time.
            "force_col_wise": True,
            "bin_construct_sample_cnt": _ROWS_TO_PLACE_BINS,
            "verbose": -1,
        }


class Binned:
    """Rows that LightGBM sorts into bins once, to learn several targets from.

    Parameters
    ----------
    X
        Shape (n, features).
    categorical
        Positions of the category columns.
    weight
        Of the rows, shape (n,).
    """

    def __init__(self, X: Floats, categorical: list[int], weight: Floats | None = None) -> None:
        self.shape = X.shape
        self._data = lightgbm.Dataset(
            X, weight=weight, categorical_feature=categorical, free_raw_data=False
        )

    def labelled(self, y: Floats) -> lightgbm.Dataset:
        """Return the rows with a target, shape (n,), instead of any before it."""
        return self._data.set_label(y)


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
        objective: str | Callable[[], Objective],
        weight: Floats | None = None,
        parameters: BoostingParameters,
        categorical: list[int],
        on_round: Callable[[], None] = lambda: None,
    ) -> Ensemble:
        """Fit all members on (n, features) ``X``, targets ``y`` and row weights.

        Parameters
        ----------
        objective
            LightGBM's name of it, or a maker of one of our own, which holds targets and weights
            itself; each member gets a fresh one.
        """
        rows = Binned(X, categorical, weight)
        return cls.fit_binned(rows, y, objective, parameters, on_round)

    @classmethod
    def fit_binned(
        cls,
        rows: Binned,
        y: Floats,
        objective: str | Callable[[], Objective],
        parameters: BoostingParameters,
        on_round: Callable[[], None] = lambda: None,
    ) -> Ensemble:
        """Fit as :meth:`fit` on rows whose bins other targets share, with the same recipe.

        Raises
        ------
        TrainingError
            When no column divides the rows into leaves of the size asked for.
        """
        data = rows.labelled(y)
        boosters = []
        for member in range(parameters.members):
            goal = objective if isinstance(objective, str) else objective()
            settings = parameters.for_lightgbm(goal, member, rows.shape)
            boosters.append(_train(settings, data, parameters.rounds, on_round))
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


def _train(
    settings: dict[str, Any], data: lightgbm.Dataset, rounds: int, on_round: Callable[[], None]
) -> lightgbm.Booster:
    try:
        return lightgbm.train(settings, data, rounds, callbacks=[lambda _: on_round()])
    except lightgbm.basic.LightGBMError as error:
        # It leaves out columns that divide too few rows, and says only so when none is left.
        if "num_features" not in str(error):
            raise
        raise TrainingError(
            "no feature tells enough customers apart to learn from",
            "bring more customers, a longer history, or more tables",
        ) from error
