"""Run a training job by name, share what several jobs need, and tune one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import pandas as pd

from features.errors import TrainingError
from models.boosting import BoostingParameters
from training.churn import train_churn
from training.contracts import train_contracts
from training.dataset import build_dataset
from training.recommend.job import train_recommend
from training.report import JobReport
from training.table import build_table, horizons_up_to
from training.task import TrainingTask
from training.tuning import tune
from training.uplift.job import train_uplift
from training.uplift.report import uplift_report
from training.value import train_value

Job = Callable[[TrainingTask], JobReport]
"""Learns and judges; records nothing."""


def run_job(name: str, task: TrainingTask) -> JobReport:
    """Train one job of :data:`JOBS` on what was known before ``task.as_of``, without recording it.

    Raises
    ------
    TrainingError
        The history is too short for the job, or nothing can be learned from it.
    """
    return JOBS[name](task)


def with_shared_table(task: TrainingTask, jobs: Sequence[str] = ("churn", "value")) -> TrainingTask:
    """Return the task with a table of what churn and value both learn from.

    Parameters
    ----------
    jobs
        Those to be trained; the others' windows are left out of the table.

    Raises
    ------
    TrainingError
        The history is too short for one of them.
    """
    horizons = task.horizons
    days = {"churn": horizons.churn_days, "value": horizons.value_days}
    plans = [task.windows(horizon) for job, horizon in days.items() if job in jobs]
    wanted = horizons_up_to(*days.values())
    table = build_table(task.engine, task.prepared, task.shop, plans, wanted, task.progress)
    return replace(task, table=table)


def tune_job(name: str, task: TrainingTask, trials: int) -> tuple[BoostingParameters, pd.DataFrame]:
    """Search hyperparameters for churn or value on windows before the test; see :func:`tune`.

    Both are judged by P(buys) at the job's own horizon; value's amounts are boosted with the same
    ones.

    Raises
    ------
    TrainingError
        Churn is by contracts, or the history is too short for a search.
    """
    if name == "churn" and task.settings.churn == "contracts":
        raise TrainingError(
            "hyperparameters of churn by contracts cannot be searched: the search judges by orders",
            'leave out --tune, or set churn = "orders" under [training]',
        )
    horizons = task.horizons
    days = horizons.churn_days if name == "churn" else horizons.value_days
    data = build_dataset(task, task.windows(days))
    tick = task.progress(f"Hyperparameters for {name}", trials)
    return tune(data, trials, task.settings.seed, lambda _: tick())


def _train_churn(task: TrainingTask) -> JobReport:
    by_contracts = task.settings.churn == "contracts"
    return train_contracts(task) if by_contracts else train_churn(task)


def _train_uplift(task: TrainingTask) -> JobReport:
    return uplift_report(train_uplift(task))


JOBS: Final[Mapping[str, Job]] = {
    "churn": _train_churn,
    "value": train_value,
    "recommend": train_recommend,
    "uplift": _train_uplift,
}
"""Every job by its name; a new one is one file, and one line here."""
