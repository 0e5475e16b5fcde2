"""Ten thousand small shops of chance: nothing crashes, nothing is NaN, everything is in range.

Each is drawn from its number: a few customers at a few cutoffs, columns that are constant,
missing, huge, or names, outcomes from nobody to everybody, margins from losses to fortunes,
histories of every length. Churn and value are learned from it, asked of it and of strangers, and
value is extrapolated. A shop that teaches nothing must be refused with a remedy. What was done
is kept, so that an interrupted run goes on where it was.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from benchmarks.table import RESULTS, Row
from features.errors import TrainingError
from features.family import Column
from features.vocabulary import Columns as C
from models.boosting import BoostingParameters
from models.btyd.outlook import Outlook
from models.churn_value.churn import ChurnModel
from models.churn_value.extrapolation import Extension
from models.churn_value.forecast import Forecast, forecast
from models.churn_value.horizons import Floats, Outcomes
from models.churn_value.survival import as_of_days
from models.churn_value.value import ValueModel
from regulars.console import progress_bars

SHOPS = 10_000
_PROGRESS = RESULTS / "random_shops_progress.json"
_KEPT_EVERY = 100
_QUICK = BoostingParameters(rounds=4, members=1, learning_rate=0.3)
_START = date(2024, 1, 1)
_HORIZONS = ((30,), (30, 60), (30, 60, 90))


def rows(console: Console) -> list[Row]:
    """Try every shop that was not tried yet, and count what came of all."""
    tried, counts = _read(_PROGRESS)
    with progress_bars(console) as progress:
        tick = progress(f"Random shops from {tried:,} on", SHOPS - tried)
        for number in range(tried, SHOPS):
            counts[outcome_of(number)] += 1
            if (number + 1) % _KEPT_EVERY == 0 or number + 1 == SHOPS:
                _write(_PROGRESS, number + 1, counts)
            tick()
    _PROGRESS.unlink()
    beside = {"answered": float(counts["answered"]), "refused": float(counts["refused"])}
    bad = [name for name in counts if name not in beside]
    for name in bad:
        console.print(f"  {name}: {counts[name]}")

    def row(kind: str) -> Row:
        found = sum(counts[name] for name in bad if name.startswith(kind))
        return Row(f"{SHOPS:,} random shops: {kind}", float(found), "<=", 0, beside)

    return [row("crash"), row("not a number"), row("out of range")]


def outcome_of(number: int) -> str:
    """Return what came of one shop: "answered", "refused", or what is wrong."""
    try:
        return first_fault(answer(number)) or "answered"
    except TrainingError:
        return "refused"
    except Exception as error:  # noqa: BLE001  whatever it is, it is what is counted
        return f"crash: {type(error).__name__} in shop {number}"


def answer(number: int) -> list[Forecast]:
    """Learn a shop; return what is said of its customers, of strangers, and further ahead."""
    random = np.random.default_rng(number)
    vectors, columns, horizons, silent, margin = draw(random)
    outcomes = Outcomes(vectors, as_of_days(vectors), horizons, silent)
    churn = ChurnModel(horizons[0], boosting=_QUICK).fit_outcomes(outcomes, columns)
    value = ValueModel(horizons[-1], boosting=_QUICK).fit_outcomes(outcomes, margin, columns)
    strangers, *_ = draw(random, vectors.columns.tolist())
    forecasts = [forecast(churn, value, people) for people in (vectors, strangers)]
    try:
        outlook = Outlook.fit(vectors)
    except TrainingError:
        return forecasts
    return [*forecasts, forecast(churn, value, vectors, Extension(outlook, 365, 0.1))]


def first_fault(forecasts: list[Forecast]) -> str | None:
    """Return the first impossible forecast: a number that is missing or out of range."""
    for each in forecasts:
        probabilities = np.concatenate([each.churn_probability, each.p_buys])
        money = np.concatenate([each.value_if_buys, each.value, each.lower, each.upper])
        if not np.isfinite(np.concatenate([probabilities, money])).all():
            return "not a number"
        if ((probabilities < 0) | (probabilities > 1)).any():
            return "out of range: probability"
        if (money < 0).any():
            return "out of range: money"
        if ((each.lower > each.value) | (each.value > each.upper)).any():
            return "out of range: bounds"
    if len(forecasts) > 2 and (forecasts[2].value < forecasts[0].value * (1 - 1e-9)).any():
        return "out of range: value falls with the horizon"
    return None


def draw(
    random: np.random.Generator, like: list[str] | None = None
) -> tuple[pd.DataFrame, list[Column], tuple[int, ...], Floats, Floats]:
    """Draw vectors, their columns, horizons, silence by horizon and the longest's margin.

    Parameters
    ----------
    like
        Column names of a shop whose strangers these are.
    """
    n, cutoffs = int(random.integers(1, 200)), int(random.integers(1, 7))
    width = int(random.integers(1, 6)) if like is None else sum(x.startswith("x") for x in like)
    vectors = pd.DataFrame({f"x{place}": _column(random, n) for place in range(width)})
    names = np.array(["north", "south", "", "a name"])
    vectors["kind"] = pd.array(random.choice(names, n), dtype="str")
    vectors = vectors.assign(**_histories(random, n))
    step = int(random.choice([1, 30, 90]))
    days = [_START + timedelta(days=int(k) * step) for k in random.integers(0, cutoffs, n)]
    vectors[C.CUSTOMER_ID] = [f"c{place}" for place in range(n)]
    vectors[C.AS_OF] = np.array(days, dtype=object)
    horizons = _HORIZONS[int(random.integers(len(_HORIZONS)))]
    first = random.exponential(float(random.choice([1.0, 30.0, 40.0, 60.0, 1e4])), n)
    silent = (first[:, None] >= np.array(horizons)).astype(np.float64)
    unknown = random.random(n) < random.choice([0.0, 0.3])
    silent[unknown, -1] = np.nan
    amounts = random.normal(1, 2, n) * np.exp(random.normal(0, float(random.choice([0, 3, 9])), n))
    margin = np.where(silent[:, -1] == 1, 0.0, amounts * float(random.choice([1e-6, 1.0, 1e9])))
    margin[unknown] = np.nan
    columns = [Column(f"x{place}", "a number", "number") for place in range(width)]
    columns.append(Column("kind", "a name", "name", kind="category"))
    return vectors, columns, horizons, silent, margin


def _column(random: np.random.Generator, n: int) -> Floats:
    kinds = [
        np.zeros(n),
        np.full(n, np.nan),
        random.normal(size=n),
        np.exp(random.normal(0, 10, n)),
        random.integers(0, 2, n) * 1e12,
    ]
    values = np.array(kinds[int(random.integers(len(kinds)))], dtype=np.float64)
    values[random.random(n) < random.choice([0.0, 0.5])] = np.nan
    return values


def _histories(random: np.random.Generator, n: int) -> dict[str, Floats]:
    age = random.integers(0, 800, n).astype(np.float64)
    frequency = random.poisson(float(random.choice([0.1, 2.0, 30.0])), n).astype(np.float64)
    recency = np.where(frequency > 0, np.floor(age * random.random(n)), 0.0)
    spend = np.exp(random.normal(2, float(random.choice([0.0, 3.0])), n))
    return {
        "btyd_frequency": frequency,
        "btyd_recency_days": recency,
        "btyd_age_days": age,
        "btyd_value_mean": np.where(frequency > 0, spend, np.nan),
        "revenue_lifetime": spend * (frequency + 1),
        "orders_lifetime": frequency + 1,
    }


def _read(path: Path) -> tuple[int, Counter[str]]:
    if not path.is_file():
        return 0, Counter()
    kept = json.loads(path.read_text(encoding="utf-8"))
    return kept["tried"], Counter(kept["counts"])


def _write(path: Path, tried: int, counts: Counter[str]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"tried": tried, "counts": counts}), encoding="utf-8")
