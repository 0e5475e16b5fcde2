"""The churn job for contracts: whose last contract runs out and is not followed by another.

The model and its judging are those of churn by orders. The population is everyone with an active
contract. An outcome is known only when the grace period is over as well, so that windows are
longer than the horizon by those days (:mod:`features.labels.contractual`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import TrainingError
from features.family import Column, discover_families
from features.labels import GRACE_DAYS, build_contract_labels
from features.vectors import build_vectors
from features.vocabulary import Columns as C
from features.wording import counted
from models.churn_value.churn import ChurnModel
from training.baselines import churn_baselines
from training.breadth import breadth_effects
from training.churn_report import ChurnTest, churn_report
from training.dataset import Rows
from training.report import JobReport
from training.task import TrainingTask
from training.windows import Windows

LABEL = (
    "churned = 1: the last contract ends in the horizon, and none is active "
    f"{GRACE_DAYS} days later"
)
POPULATION = "an active contract at as_of"
_KEYS = [C.CUSTOMER_ID, C.AS_OF]


@dataclass(frozen=True)
class _Table:
    """Contract customers at every cutoff, with their outcomes."""

    rows: Rows
    columns: tuple[Column, ...]
    fingerprint: str

    def at(self, cutoffs: tuple[date, ...]) -> Rows:
        chosen = self.rows.vectors[C.AS_OF].isin(cutoffs).to_numpy()
        vectors = self.rows.vectors[chosen].reset_index(drop=True)
        return Rows(vectors, self.rows.churned[chosen], self.rows.margin[chosen])


def train_contracts(task: TrainingTask) -> JobReport:
    """Run the churn job on contracts.

    Raises
    ------
    TrainingError
        The shop has no contracts, the history teaches nothing at this horizon, or of the customers
        to learn from or to judge by all, or none, churned.
    """
    horizon_days = task.horizons.churn_days
    windows = task.windows(horizon_days + GRACE_DAYS)
    table = _build(task, windows)
    train, test, final = (
        table.at(days) for days in (windows.train, (windows.test,), windows.final)
    )
    _require_both_outcomes(train, f"learned from, up to {windows.train[-1]},", horizon_days)
    _require_both_outcomes(test, f"of the test window from {windows.test}", horizon_days)
    judged = _fit(train, table, task, "Contracts, judged")
    served = _fit(final, table, task, "Contracts, served")
    baselines = churn_baselines(
        _with_recency(train.vectors), train.churned, _with_recency(test.vectors), judged.encoder_
    )
    predicted = {"churn": judged.predict_proba(test.vectors)[:, 1], **baselines}
    return churn_report(
        task,
        ChurnTest(judged, windows, len(train), test, predicted),
        served,
        {"label": LABEL, "horizon_days": horizon_days, "population": POPULATION},
        table.fingerprint,
        breadth_effects(test, table.columns, "products", seed=task.settings.seed),
    )


def contract_customers(vectors: pd.DataFrame) -> NDArray[np.bool_]:
    """Return which customers have an active contract, shape (n,): the model's population."""
    active = vectors["contracts_active"].to_numpy(dtype=np.float64, na_value=0.0)
    return np.asarray(active > 0)


def _build(task: TrainingTask, windows: Windows) -> _Table:
    engine, rollups, cutoffs = task.engine, task.prepared.rollups, windows.all_cutoffs
    tick = task.progress(f"Contracts at {counted(len(cutoffs), 'cutoff')}", 2)
    labels = build_contract_labels(engine, rollups, cutoffs, task.horizons.churn_days)
    tick()
    vectors = build_vectors(engine, rollups, discover_families(), cutoffs)
    tick()
    joined = labels[[*_KEYS, "churned"]].merge(vectors.frame, on=_KEYS, validate="one_to_one")
    churned = joined.pop("churned").to_numpy(dtype=np.float64)
    rows = Rows(joined, churned, np.zeros(len(joined)))
    return _Table(rows, vectors.columns, vectors.fingerprint)


def _require_both_outcomes(rows: Rows, where: str, horizon_days: int) -> None:
    """Refuse rows of a single outcome; the served model learns from these rows and more."""
    churned = int(rows.churned.sum())
    if 0 < churned < len(rows):
        return
    raise TrainingError(
        f"of {len(rows):,} contract customers {where} {churned:,} churned within {horizon_days} "
        "days: there is nothing to tell apart",
        "choose another training.horizon_days or --as-of, or bring contracts of more years, those "
        "that ended included",
    )


def _fit(rows: Rows, table: _Table, task: TrainingTask, phrase: str) -> ChurnModel:
    model = ChurnModel(task.horizons.churn_days, boosting=task.boosting)
    tick = task.progress(phrase, model.fit_rounds(rows.vectors))
    return model.fit(rows.vectors, rows.churned, table.columns, tick)


def _with_recency(vectors: pd.DataFrame) -> pd.DataFrame:
    """Fill the recency of those who never ordered with the longest: the baselines read it."""
    recency = vectors["recency_days"]
    return vectors.assign(recency_days=recency.fillna(recency.max()).fillna(0.0))
