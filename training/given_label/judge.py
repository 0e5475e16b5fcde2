"""Judge a model on rows that it has not seen: held out at random, or the latest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.progress import Tick
from models.given_label.folds import Folds, stratified_folds
from models.given_label.model import GivenLabelModel
from models.given_label.schema import Kinds
from models.metrics.classification import churn_scorecard
from training.given_label.baselines import baseline_predictions
from training.given_label.drift import TimeDrift, measure_time_drift

Floats = NDArray[np.float64]

OURS = "churn"
_LATER_SHARE = 0.2
_FOLDS_AT_RANDOM = 5


@dataclass(frozen=True)
class Judged:
    """Predictions of rows that the models had not seen, and how good they are.

    Attributes
    ----------
    rows
        The rows judged, ascending.
    predicted
        Predictions by model; of the first repeat, if there are several.
    scorecard
        One row per model, ours first; the mean over repeats of every metric, each over all rows
        held out.
    model
        A judged model: fitted on everything but one fold, or on everything earlier.
    drift
        If the later rows were held out.
    """

    rows: NDArray[np.int64]
    predicted: dict[str, Floats]
    scorecard: pd.DataFrame
    model: GivenLabelModel
    drift: TimeDrift | None = None


def cross_validate(
    table: pd.DataFrame,
    outcomes: Floats,
    kinds: Kinds,
    folds: int,
    repeats: int,
    seed: int,
    tick: Tick = lambda: None,
) -> Judged:
    """Hold out each row once per repetition; everything is learned inside the folds.

    Categories, missing values, knots, ridge, blend and calibration are fitted on the training rows
    alone, the last three by inner folds.

    Parameters
    ----------
    tick
        Called once a fold.
    """
    folds = min(folds, int(min(outcomes.sum(), (1 - outcomes).sum())))
    results = [
        _held_out(table, outcomes, kinds, stratified_folds(outcomes, folds, seed + n), seed, tick)
        for n in range(repeats)
    ]
    cards = pd.concat(scorecard(outcomes, predicted) for predicted, _ in results)
    mean = cards.groupby(level=0, sort=False).mean()
    predicted, model = results[0]
    return Judged(np.arange(len(outcomes)), predicted, mean, model)


def hold_out_later(
    table: pd.DataFrame,
    outcomes: Floats,
    kinds: Kinds,
    times: Floats | None,
    seed: int,
    tick: Tick = lambda: None,
) -> Judged:
    """Hold out the latest fifth of rows in order of time, and measure what changed.

    Rows of one time stay together. :data:`LATER_TICKS` ticks.
    """
    cut = later_from(len(outcomes), times)
    past, later = np.arange(cut), np.arange(cut, len(outcomes))
    then = table.iloc[past]
    model = GivenLabelModel(kinds, in_time_order=True, seed=seed).fit(then, outcomes[past])
    tick()
    ours = {OURS: model.predict_proba(table.iloc[later])[:, 1]}
    predicted = ours | baseline_predictions(table, outcomes, kinds, past, later, seed)
    at_random = np.empty(len(outcomes))
    for train, held_out in stratified_folds(outcomes, _FOLDS_AT_RANDOM, seed):
        of_fold = _fit(table.iloc[train], outcomes[train], kinds, seed)
        at_random[held_out] = of_fold.predict_proba(table.iloc[held_out])[:, 1]
        tick()
    drift = measure_time_drift(then, table.iloc[later], kinds, outcomes, at_random, predicted[OURS])
    return Judged(later, predicted, scorecard(outcomes[later], predicted), model, drift)


LATER_TICKS = 1 + _FOLDS_AT_RANDOM


def later_from(rows: int, times: Floats | None) -> int:
    """Return the first row of the latest fifth; rows of one time stay together."""
    cut = round(rows * (1 - _LATER_SHARE))
    if times is None:
        return cut
    return int(np.searchsorted(times, times[cut], side="left"))


def scorecard(outcomes: Floats, predicted: Mapping[str, Floats]) -> pd.DataFrame:
    """Return one row per model, one column per metric."""
    return pd.DataFrame(
        {name: churn_scorecard(outcomes, scores) for name, scores in predicted.items()}
    ).T


def _held_out(
    table: pd.DataFrame, outcomes: Floats, kinds: Kinds, folds: Folds, seed: int, tick: Tick
) -> tuple[dict[str, Floats], GivenLabelModel]:
    """Return every model's predictions of rows it has not seen, and one of our models."""
    predicted: dict[str, Floats] = {}
    for train, held_out in folds:
        model = _fit(table.iloc[train], outcomes[train], kinds, seed)
        ours = {OURS: model.predict_proba(table.iloc[held_out])[:, 1]}
        baselines = baseline_predictions(table, outcomes, kinds, train, held_out, seed)
        for name, scores in (ours | baselines).items():
            predicted.setdefault(name, np.empty(len(outcomes)))[held_out] = scores
        tick()
    return predicted, model


def _fit(table: pd.DataFrame, outcomes: Floats, kinds: Kinds, seed: int) -> GivenLabelModel:
    return GivenLabelModel(kinds, seed=seed).fit(table, outcomes)
