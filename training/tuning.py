"""A random search of hyperparameters, judged on validation windows before the test window.

The defaults are tried first, then random draws (Bergstra & Bengio 2012). Each is fitted at every
validation day on what was known then, and judged by the log loss of the window that starts there.
The window's overall level is corrected first: an unforeseen season says nothing about
hyperparameters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from features.errors import TrainingError
from models.boosting import BoostingParameters
from models.churn_value.churn import ChurnModel
from models.metrics.classification import roc_auc
from training.dataset import Dataset, Floats

_MOST_WINDOWS = 3
_SPACE: dict[str, tuple[float, ...]] = {
    "rounds": (60, 100, 160, 240),
    "learning_rate": (0.03, 0.045, 0.06, 0.09),
    "leaves": (7, 11, 15, 23),
    "min_rows_in_leaf": (50, 100, 200, 400),
    "column_share": (0.08, 0.15, 0.25, 0.4),
    "row_share": (0.5, 0.7, 0.9),
    "l2": (1.0, 10.0, 30.0),
}


@dataclass(frozen=True)
class Trial:
    """One set of hyperparameters and its results, averaged over the validation windows."""

    number: int
    parameters: BoostingParameters
    log_loss: float
    roc_auc: float


def tune(
    data: Dataset, n: int, seed: int, on_trial: Callable[[Trial], None] = lambda _: None
) -> tuple[BoostingParameters, pd.DataFrame]:
    """Try the defaults and ``n - 1`` random draws; the test window is not used.

    Returns
    -------
    best : the hyperparameters with the least log loss; ties go to the earlier draw
    table : one row per trial, best first

    Raises
    ------
    TrainingError
        The history holds no validation window before the test window.
    """
    windows = validation_days(data)
    if not windows:
        raise TrainingError(
            "the history holds no validation window before the test", "bring a longer history"
        )
    rng = np.random.default_rng(seed)
    trials = []
    for number in range(n):
        drawn = BoostingParameters(seed=seed) if number == 0 else _draw(rng, seed)
        trial = Trial(number, drawn, *_judge(data, drawn, windows))
        trials.append(trial)
        on_trial(trial)
    ordered = sorted(trials, key=lambda trial: (trial.log_loss, trial.number))
    table = pd.DataFrame(
        [
            {
                "trial": t.number,
                "log_loss": t.log_loss,
                "roc_auc": t.roc_auc,
                **asdict(t.parameters),
            }
            for t in ordered
        ]
    )
    return ordered[0].parameters, table


def validation_days(data: Dataset) -> list[int]:
    """Return the latest cutoffs, a horizon apart, with at least two cutoffs a horizon earlier."""
    outcomes = data.known_at_test.outcomes
    horizon = data.horizon_days
    place = outcomes.horizons_days.index(horizon)
    full = np.unique(outcomes.days[~np.isnan(outcomes.silent[:, place])])
    usable = [int(day) for day in full if (full + horizon <= day).sum() >= 2]
    chosen: list[int] = []
    for day in reversed(usable):
        if len(chosen) < _MOST_WINDOWS and (not chosen or chosen[-1] - day >= horizon):
            chosen.append(day)
    return chosen


def _judge(
    data: Dataset, parameters: BoostingParameters, windows: list[int]
) -> tuple[float, float]:
    outcomes, horizon = data.known_at_test.outcomes, data.horizon_days
    place = outcomes.horizons_days.index(horizon)
    losses, areas = [], []
    for day in windows:
        past = outcomes.known_by(day)
        model = ChurnModel(horizon, boosting=parameters).fit_outcomes(past, data.columns)
        here = outcomes.rows(outcomes.days == day)
        predicted, happened = model.predict_proba(here.vectors)[:, 1], here.silent[:, place]
        losses.append(level_corrected_log_loss(happened, predicted))
        areas.append(roc_auc(happened, predicted))
    return float(np.mean(losses)), float(np.mean(areas))


def level_corrected_log_loss(outcomes: Floats, probabilities: Floats) -> float:
    """Return the log loss after shifting all logits by the constant that fits the window best."""
    clipped = np.clip(probabilities, 1e-6, 1 - 1e-6)
    scores = np.log(clipped / (1 - clipped))
    level = 0.0
    for _ in range(20):
        chance = expit(scores + level)
        level -= float((chance - outcomes).sum() / max((chance * (1 - chance)).sum(), 1e-9))
        level = float(np.clip(level, -5.0, 5.0))
    chance = np.clip(expit(scores + level), 1e-9, 1 - 1e-9)
    return float(-np.mean(outcomes * np.log(chance) + (1 - outcomes) * np.log1p(-chance)))


def _draw(rng: np.random.Generator, seed: int) -> BoostingParameters:
    drawn: dict[str, Any] = {
        name: choices[int(rng.integers(len(choices)))] for name, choices in _SPACE.items()
    }
    return BoostingParameters(**drawn, seed=seed)
