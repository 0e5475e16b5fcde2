"""BG/NBD beside the package ``lifetimes``: fit, then expected orders of the next 90 days.

The same customers, the same process, one thread, turn by turn; each as its documentation says:
``lifetimes`` on one row per customer, ours on distinct histories, whose search is part of the
time. Both start from plain arrays, and must come to the same answer.
"""

from __future__ import annotations

import importlib
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.churn_value.cdnow import AS_OF, DATA
from benchmarks.table import Row
from models.btyd.bg_nbd import BgNbd
from models.btyd.summary import Summary

Floats = NDArray[np.float64]
Histories = tuple[Floats, Floats, Floats]
Contender = Callable[[Histories], Floats]

_HORIZON_DAYS = 90.0
_BAR = 20.0


def rows(data: Path = DATA) -> list[Row]:
    """Return every row: both sets of customers, speed and agreement."""
    return [
        *compare("full CDNOW, 23,570 customers", cdnow_histories(data), runs=5),
        *compare("a million simulated customers", simulated_histories(1_000_000, seed=4), runs=2),
    ]


def compare(whose: str, histories: Histories, runs: int) -> list[Row]:
    """Time both, turn by turn, and return how many times as fast ours is."""
    seconds: dict[Contender, list[float]] = {ours: [], theirs: []}
    answers: dict[Contender, Floats] = {}
    with threadpool_limits(limits=1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lifetimes overflows, and asks for old pandas options
        for _ in range(runs):
            for contender, taken in seconds.items():
                start = time.perf_counter()
                answers[contender] = contender(histories)
                taken.append(time.perf_counter() - start)
    mine, other = min(seconds[ours]), min(seconds[theirs])
    apart = float(np.abs(answers[ours] - answers[theirs]).mean())
    return [
        Row(
            f"BG/NBD fit and predict, {whose}: times as fast as lifetimes",
            other / mine,
            ">=",
            _BAR,
            {"our seconds": mine, "lifetimes' seconds": other},
        ),
        Row(
            f"the same, mean difference of expected orders over their mean, {whose}",
            apart / float(answers[ours].mean()),
            "<=",
            0.005,
        ),
    ]


def ours(histories: Histories) -> Floats:
    """Fit on distinct histories, and answer each customer."""
    alike, places = Summary.of(*histories).collapsed()
    model = BgNbd.fit(alike).model
    return model.expected_purchases(alike, _HORIZON_DAYS)[places]


def theirs(histories: Histories) -> Floats:
    """Let ``lifetimes`` do the same."""
    fitter = importlib.import_module("lifetimes").BetaGeoFitter()
    fitter.fit(*histories)
    expected = fitter.conditional_expected_number_of_purchases_up_to_time
    return np.asarray(expected(_HORIZON_DAYS, *histories), dtype=np.float64)


def cdnow_histories(data: Path) -> Histories:
    """Return every CDNOW customer's frequency, recency and age in days at 1 October 1997."""
    lines = pd.read_parquet(data / "cdnow_master.parquet", columns=["customer_id", "date"])
    lines["date"] = pd.to_datetime(lines["date"])
    lines = lines[lines["date"] < pd.Timestamp(AS_OF)].drop_duplicates()
    customers = lines.groupby("customer_id")["date"]
    first = customers.min()
    return (
        np.asarray(customers.size() - 1, dtype=np.float64),
        np.asarray((customers.max() - first).dt.days, dtype=np.float64),
        np.asarray((pd.Timestamp(AS_OF) - first).dt.days, dtype=np.float64),
    )


def simulated_histories(customers: int, seed: int) -> Histories:
    """Draw a shop's first year from BG/NBD, in whole days."""
    random = np.random.default_rng(seed)
    rate = random.gamma(0.25, 1 / 30.0, customers)
    leaves = random.beta(0.8, 2.4, customers)
    age = random.integers(1, 366, customers).astype(np.float64)
    frequency, recency, clock = np.zeros((3, customers))
    here = np.flatnonzero(rate > 0)
    while len(here):
        clock[here] += random.exponential(1 / rate[here])
        here = here[clock[here] <= age[here]]
        frequency[here] += 1
        recency[here] = np.ceil(clock[here])
        here = here[random.random(len(here)) > leaves[here]]
    return frequency, recency, age


if __name__ == "__main__":
    from benchmarks.table import report

    report("btyd_speed", "BG/NBD beside lifetimes", rows())
