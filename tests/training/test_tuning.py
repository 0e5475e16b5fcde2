"""The search over hyperparameters: bounded, seeded, and blind to the test window."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.errors import TrainingError
from features.family import Column
from features.vocabulary import Columns as C
from models.boosting import BoostingParameters
from models.churn_value.horizons import Outcomes
from training.dataset import Dataset, KnownOutcomes, Rows
from training.tuning import level_corrected_log_loss, tune, validation_days
from training.windows import Windows

HORIZONS = (30, 60)
COLUMNS = (Column("rate", "orders a day", "orders"), Column("noise", "nothing", "none"))


def dataset(windows: int) -> Dataset:
    """Customers who order at a rate of their own; every test row would be an error to touch."""
    random = np.random.default_rng(0)
    days = 20_000 + 30 * (np.arange(150 * windows) % windows)
    rate = 0.015 * np.exp(random.normal(size=len(days)))
    silent = random.exponential(1 / rate)[:, None] >= np.array(HORIZONS)
    vectors = pd.DataFrame(
        {
            C.AS_OF: pd.to_datetime(days, unit="D").date,
            "rate": rate,
            "noise": random.normal(size=len(days)),
        }
    )
    outcomes = Outcomes(vectors, days, HORIZONS, silent.astype(np.float64))
    known = KnownOutcomes(outcomes, np.zeros(len(days)))
    untouchable: Any = None
    plan = Windows(date(2026, 1, 1), 60, date(2025, 11, 2), (), (), 30)
    rows = Rows(vectors, outcomes.silent[:, 1], known.margin)
    return Dataset(
        plan, rows, untouchable, untouchable, known, untouchable, untouchable, COLUMNS, ""
    )


def test_the_best_of_the_trials_is_returned_and_the_present_parameters_are_one() -> None:
    numbers: list[int] = []
    best, table = tune(dataset(9), 3, seed=1, on_trial=lambda trial: numbers.append(trial.number))
    assert numbers == [0, 1, 2]
    assert table["log_loss"].is_monotonic_increasing
    first = table.iloc[0]
    assert (best.rounds, best.leaves) == (first["rounds"], first["leaves"])
    present = table.set_index("trial").loc[0]
    assert present["rounds"] == BoostingParameters().rounds
    assert (table["roc_auc"] > 0.6).all()
    again, _ = tune(dataset(9), 3, seed=1)
    assert again == best


def test_validation_windows_do_not_overlap_and_have_a_past() -> None:
    days = validation_days(dataset(9))
    assert days == [20_240, 20_180, 20_120]
    assert validation_days(dataset(3)) == []


def test_a_history_without_validation_windows_is_refused() -> None:
    with pytest.raises(TrainingError, match="no validation window"):
        tune(dataset(3), 1, seed=0)


def test_a_common_level_costs_nothing() -> None:
    random = np.random.default_rng(0)
    scores = random.normal(size=4_000)
    outcomes = (random.random(4_000) < 1 / (1 + np.exp(-scores))).astype(np.float64)
    losses = [
        level_corrected_log_loss(outcomes, 1 / (1 + np.exp(-scores - miss))) for miss in (0.0, 1.5)
    ]
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)
