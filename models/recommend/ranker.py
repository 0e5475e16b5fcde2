"""The second stage: gradient-boosted trees that put a short list in order (LambdaMART)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import lightgbm
import numpy as np
from numpy.typing import NDArray

_BOOSTER: Final = "ranker.txt"
_LEAST_LISTS: Final = 30
"""Short lists with a hit that are needed to learn from; fewer teach noise."""


@dataclass(frozen=True)
class RankerParameters:
    """What may be tuned; defaults were chosen one basket before the last known one."""

    rounds: int = 120
    learning_rate: float = 0.06
    leaves: int = 15
    min_rows_in_leaf: int = 200
    column_share: float = 0.4
    row_share: float = 0.7
    l2: float = 10.0
    deepest: int = 20
    threads: int = 0  # to learn with, all cores; trees do not depend on it
    seed: int = 0

    def for_lightgbm(self) -> dict[str, Any]:
        """Return LightGBM's parameters."""
        return {
            "objective": "lambdarank",
            "lambdarank_truncation_level": self.deepest,
            "learning_rate": self.learning_rate,
            "num_leaves": self.leaves,
            "min_data_in_leaf": self.min_rows_in_leaf,
            "feature_fraction": self.column_share,
            "bagging_fraction": self.row_share,
            "bagging_freq": 1,
            "lambda_l2": self.l2,
            "num_threads": self.threads,
            "seed": self.seed,
            "deterministic": True,
            # A tree looks at some of the columns: by rows it would read them all.
            "force_col_wise": True,
            "verbose": -1,
        }


@dataclass(frozen=True, eq=False)
class Lesson:
    """Short lists of several customers whose next order is known.

    Attributes
    ----------
    X
        One row of numbers per candidate, customer after customer; shape (m, features).
    bought
        Whether each was in the next order; shape (m,).
    sizes
        Candidates of each customer; they sum to m.
    """

    X: NDArray[np.float32]
    bought: NDArray[np.bool_]
    sizes: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Taught:
    """All that two stages have learned of putting products in order; who bought what is apart.

    Attributes
    ----------
    weights
        Of each source in the blend, shape (n_sources,).
    """

    weights: NDArray[np.float64]
    ranker: Ranker


class Ranker:
    """LambdaMART (Burges 2010) on short lists, by LightGBM; state is its own text form.

    Attributes
    ----------
    booster_ : lightgbm.Booster or None
        None where there were too few lists to learn from: every candidate then scores 0.
    """

    def __init__(self, parameters: RankerParameters | None = None) -> None:
        self.parameters = parameters or RankerParameters()

    def fit(self, lessons: Sequence[Lesson]) -> Self:
        """Learn to put what was bought first."""
        told = [part for part in map(_telling, lessons) if part.sizes.size]
        self.booster_: lightgbm.Booster | None = None
        if sum(part.sizes.size for part in told) < _LEAST_LISTS:
            return self
        X = np.concatenate([part.X for part in told])
        bought = np.concatenate([part.bought for part in told])
        sizes = np.concatenate([part.sizes for part in told])
        data = lightgbm.Dataset(X, bought.astype(np.int32), group=sizes)
        few = max(1, min(self.parameters.min_rows_in_leaf, bought.size // 100))
        settings = {**self.parameters.for_lightgbm(), "min_data_in_leaf": few}
        self.booster_ = lightgbm.train(settings, data, self.parameters.rounds)
        return self

    def predict(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return a score per candidate, the higher the better within one customer's list."""
        if self.booster_ is None or X.shape[0] == 0:
            return np.zeros(X.shape[0])
        # One core: blocks of customers are asked side by side.
        scores = self.booster_.predict(X, num_threads=1)
        return np.asarray(scores, dtype=np.float64)

    def save(self, folder: Path) -> None:
        """Write the trees, where there are any."""
        folder.mkdir(parents=True, exist_ok=True)
        if self.booster_ is not None:
            self.booster_.save_model(str(folder / _BOOSTER))

    @classmethod
    def load(cls, folder: Path, parameters: RankerParameters) -> Self:
        """Read back what :meth:`save` wrote."""
        model = cls(parameters)
        file = folder / _BOOSTER
        model.booster_ = lightgbm.Booster(model_file=str(file)) if file.is_file() else None
        return model


def _telling(lesson: Lesson) -> Lesson:
    """Drop lists with nothing or everything bought: they have no order to learn."""
    lists = np.repeat(np.arange(lesson.sizes.size), lesson.sizes)
    hits = np.bincount(lists, lesson.bought, minlength=lesson.sizes.size)
    telling = (hits > 0) & (hits < lesson.sizes)
    rows = telling[lists]
    return Lesson(lesson.X[rows], lesson.bought[rows], lesson.sizes[telling])
