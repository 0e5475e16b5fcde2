"""Scoring a million customers, churn and value with intervals, beside LightGBM's bare prediction.

Bare is ``Booster.predict`` of the same trees on a matrix that is ready; ours begins at the
vectors and ends with calibrated churn, value and both bounds. One thread each, in turns, the
best of three.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date, timedelta

import lightgbm
import numpy as np
import pandas as pd

from benchmarks.table import Row
from features.family import Column
from features.vocabulary import Columns as C
from models.boosting import Ensemble
from models.churn_value.amount import dated
from models.churn_value.churn import ChurnModel
from models.churn_value.forecast import forecast
from models.churn_value.horizons import Floats, Outcomes
from models.churn_value.survival import as_of_days
from models.churn_value.value import ValueModel

_CUSTOMERS = 1_000_000
_COLUMNS = 140
_HORIZONS = (30, 60, 90)
_TURNS = 3


def shop(rows: int, cutoffs: list[date], seed: int) -> tuple[pd.DataFrame, Floats, Floats]:
    """Draw vectors, silence over each horizon, and margins of the longest."""
    random = np.random.default_rng(seed)
    numbers = random.normal(size=(rows, _COLUMNS))
    numbers[random.random(numbers.shape) < 0.1] = np.nan
    names = ["orders_lifetime", *(f"x{number}" for number in range(1, _COLUMNS))]
    vectors = pd.DataFrame(numbers, columns=names)
    vectors["orders_lifetime"] = 1.0 + random.poisson(2.0, rows)
    vectors[C.AS_OF] = np.array(cutoffs, dtype=object)[np.arange(rows) % len(cutoffs)]
    rate = 0.02 * np.exp(0.5 * np.nan_to_num(numbers[:, 1]) + 0.5 * np.nan_to_num(numbers[:, 2]))
    first = random.exponential(1 / rate)
    silent = (first[:, None] >= np.array(_HORIZONS)).astype(np.float64)
    margin = np.exp(3 + 0.5 * np.nan_to_num(numbers[:, 3]) + random.normal(size=rows))
    return vectors, silent, np.where(silent[:, -1] == 1, 0.0, margin)


def fit() -> tuple[ChurnModel, ValueModel]:
    """Fit both models on a shop of the default size of a recipe."""
    cutoffs = [date(2025, 1, 1) + timedelta(days=30 * month) for month in range(8)]
    vectors, silent, margin = shop(24_000, cutoffs, seed=0)
    columns = [Column(name, name, "number") for name in vectors.columns if name != C.AS_OF]
    outcomes = Outcomes(vectors, as_of_days(vectors), _HORIZONS, silent)
    value = ValueModel(_HORIZONS[-1]).fit_outcomes(outcomes, margin, columns)
    return ChurnModel(60, curve=value.buys_.curve_), value


def best_seconds(work: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Time each piece of work in turns and return the shortest time of each."""
    taken: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(_TURNS):
        for name, run in work.items():
            started = time.perf_counter()
            run()
            taken[name].append(time.perf_counter() - started)
    return {name: min(seconds) for name, seconds in taken.items()}


def rows() -> list[Row]:
    """Fit, and score in turns."""
    churn, value = fit()
    customers, _, _ = shop(_CUSTOMERS, [date(2025, 9, 1)], seed=1)
    X = churn.encoder_.transform(customers)
    in_season = dated(X, as_of_days(customers))
    amounts: tuple[Ensemble, ...] = (value.amount_.location, value.amount_.scale)
    asked: list[tuple[lightgbm.Booster, Floats]] = [
        *((booster, X) for booster in churn.ensemble_.boosters),
        *((booster, in_season) for part in amounts for booster in part.boosters),
    ]
    seconds = best_seconds(
        {
            "bare": lambda: [booster.predict(rows, raw_score=True) for booster, rows in asked],
            "ours": lambda: forecast(churn, value, customers),
        }
    )
    what = f"scoring {_CUSTOMERS:,} customers by {len(asked)} boosters, {X.shape[1]} columns"
    ratio = seconds["ours"] / seconds["bare"]
    return [Row(f"{what}: seconds / bare prediction's", ratio, "<=", 3.0, seconds)]
