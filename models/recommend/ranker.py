"""The second stage: gradient-boosted trees that order a list of candidates (LambdaMART)."""

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
"""Lists that hold a hit needed for fitting; fewer teach noise."""


@dataclass(frozen=True)
class RankerParameters:
    """Hyperparameters; the defaults were chosen on the basket before the last known one."""

    rounds: int = 120
    learning_rate: float = 0.06
    leaves: int = 15
    min_rows_in_leaf: int = 200
    column_share: float = 0.4
    row_share: float = 0.7
    l2: float = 10.0
    deepest: int = 20
    threads: int = 0  # for fitting; 0 means all cores, the trees come out the same
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
            # Each tree samples columns; a row-wise scan would read all of them.
            "force_col_wise": True,
            "verbose": -1,
        }


@dataclass(frozen=True, eq=False)
class LabelledLists:
    """Candidate lists of several customers whose next order is known: what the ranker learns from.

    Attributes
    ----------
    X
        Features of every candidate, customer after customer; shape (m, features).
    bought
        Whether the next order held it; shape (m,).
    sizes
        Candidates of each customer; they sum to m.
    """

    X: NDArray[np.float32]
    bought: NDArray[np.bool_]
    sizes: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class LearnedRanking:
    """What the two stages learned about ordering products, without any purchases.

    Attributes
    ----------
    weights
        Weight of each source in the blend, shape (n_sources,).
    ranker
        The fitted second stage.
    """

    weights: NDArray[np.float64]
    ranker: Ranker


class Ranker:
    """LambdaMART (Burges 2010), by LightGBM; the state is LightGBM's own text form.

    Attributes
    ----------
    booster_ : lightgbm.Booster or None
        None if there were too few lists to learn from: every candidate then scores 0.
    """

    def __init__(self, parameters: RankerParameters | None = None) -> None:
        self.parameters = parameters or RankerParameters()

    def fit(self, parts: Sequence[LabelledLists]) -> Self:
        """Learn to put what was bought first."""
        kept = [part for part in map(_informative, parts) if part.sizes.size]
        self.booster_: lightgbm.Booster | None = None
        if sum(part.sizes.size for part in kept) < _LEAST_LISTS:
            return self
        X = np.concatenate([part.X for part in kept])
        bought = np.concatenate([part.bought for part in kept])
        sizes = np.concatenate([part.sizes for part in kept])
        data = lightgbm.Dataset(X, bought.astype(np.int32), group=sizes)
        few = max(1, min(self.parameters.min_rows_in_leaf, bought.size // 100))
        settings = {**self.parameters.for_lightgbm(), "min_data_in_leaf": few}
        self.booster_ = lightgbm.train(settings, data, self.parameters.rounds)
        return self

    def predict(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score each candidate; scores compare only within one customer's list."""
        if self.booster_ is None or X.shape[0] == 0:
            return np.zeros(X.shape[0])
        # One thread: the caller already predicts several blocks of customers in parallel.
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


def _informative(part: LabelledLists) -> LabelledLists:
    """Drop lists of which nothing or everything was bought: they teach no order."""
    lists = np.repeat(np.arange(part.sizes.size), part.sizes)
    hits = np.bincount(lists, part.bought, minlength=part.sizes.size)
    kept = (hits > 0) & (hits < part.sizes)
    rows = kept[lists]
    return LabelledLists(part.X[rows], part.bought[rows], part.sizes[kept])
