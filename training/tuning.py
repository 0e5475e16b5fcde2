"""A bounded search over the recipe, judged on validation windows earlier than the test.

Random draws (Bergstra & Bengio 2012), the present recipe first: a new one must beat it. Each is
fitted as of every validation day, on what was known then, and judged by the log loss of the
window that began there, with the window's own level taken out: a season that nobody could
foresee says nothing of a recipe.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from features.errors import TrainingError
from models.boosting import BoostingParameters
from models.churn import ChurnModel
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
    """One recipe and what it reached, averaged over the validation windows."""

    number: int
    parameters: BoostingParameters
    log_loss: float
    roc_auc: float


def tune(
    data: Dataset, n: int, seed: int, on_trial: Callable[[Trial], None] = lambda _: None
) -> tuple[BoostingParameters, pd.DataFrame]:
    """Try the present recipe and ``n - 1`` others; the test window is not looked at.

    Returns
    -------
    best : the recipe of the least log loss; ties go to the earlier one
    table : one row per trial, best first

    Raises
    ------
    TrainingError
        The training rows hold no window that an earlier one could be judged on.
    """
    windows = validation_days(data)
    if not windows:
        raise TrainingError(
            "the history holds no validation window before the test", "bring a longer history"
        )
    rng = np.random.default_rng(seed)
    trials = []
    for number in range(n):
        present = BoostingParameters(seed=seed)
        recipe = present if number == 0 else _draw(rng, seed)
        trial = Trial(number, recipe, *_judge(data, recipe, windows))
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
    """Return the latest cutoffs, a horizon apart, with two cutoffs a horizon before them."""
    outcomes = data.taught.outcomes
    horizon = data.horizon_days
    place = outcomes.horizons_days.index(horizon)
    full = np.unique(outcomes.days[~np.isnan(outcomes.silent[:, place])])
    usable = [int(day) for day in full if (full + horizon <= day).sum() >= 2]
    chosen: list[int] = []
    for day in reversed(usable):
        if len(chosen) < _MOST_WINDOWS and (not chosen or chosen[-1] - day >= horizon):
            chosen.append(day)
    return chosen


def _judge(data: Dataset, recipe: BoostingParameters, windows: list[int]) -> tuple[float, float]:
    outcomes, horizon = data.taught.outcomes, data.horizon_days
    place = outcomes.horizons_days.index(horizon)
    losses, areas = [], []
    for day in windows:
        past = outcomes.known_by(day)
        model = ChurnModel(horizon, boosting=recipe).fit_outcomes(past, data.columns)
        here = outcomes.rows(outcomes.days == day)
        says, happened = model.predict_proba(here.vectors)[:, 1], here.silent[:, place]
        losses.append(levelled_log_loss(happened, says))
        areas.append(roc_auc_score(happened, says) if 0 < happened.mean() < 1 else 0.5)
    return float(np.mean(losses)), float(np.mean(areas))


def levelled_log_loss(outcomes: Floats, probabilities: Floats) -> float:
    """Return the log loss once the scores' common level is set right for the window."""
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
