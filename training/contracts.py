"""The churn job for contracts: whose last contract runs out and is not followed by another.

The model and its judging are those of churn by orders. The population is everyone with a standing
contract; an outcome is known only when the days of grace are over as well, so that windows are
longer than the horizon by those days (:mod:`features.labels.contractual`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
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
from models.metrics.classification import churn_scorecard, roc_auc
from training.baselines import churn_baselines
from training.breadth import breadth_effects
from training.churn import rerun_churn
from training.dataset import Rows
from training.plots import calibration_plot, gains_plot
from training.report import Contest, JobReport
from training.task import TrainingTask
from training.windows import Windows

LABEL = f"churned = 1: the last contract ends in the horizon, none stands {GRACE_DAYS} days later"
POPULATION = "a contract that stands at as_of"
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
        The shop has no contracts, the history teaches nothing at this horizon, or every
        contract of the test window went the same way.
    """
    horizon_days = task.horizons.churn_days
    windows = task.windows(horizon_days + GRACE_DAYS)
    table = _build(task, windows)
    train, test, final = (
        table.at(days) for days in (windows.train, (windows.test,), windows.final)
    )
    if len(np.unique(test.churned)) < 2:
        raise TrainingError(
            f"the {len(test)} contract customers of the test window from {windows.test} all have "
            "the same outcome: it cannot tell a good model from a bad one",
            "choose another horizon (training.horizon_days), or another --as-of",
        )
    judged = _fit(train, table, task, "Contracts, judged")
    model = _fit(final, table, task, "Contracts, served")
    ours = judged.predict_proba(test.vectors)[:, 1]
    rivals = churn_baselines(
        _with_recency(train.vectors), train.churned, _with_recency(test.vectors), judged.encoder_
    )
    predicted = {"churn": ours, **rivals}
    scorecard = {name: churn_scorecard(test.churned, each) for name, each in predicted.items()}
    return JobReport(
        name="churn",
        as_of=task.as_of,
        test=windows.test,
        definition={"label": LABEL, "horizon_days": horizon_days, "population": POPULATION},
        parameters={
            **asdict(task.boosting),
            "train_cutoffs": len(windows.train),
            "train_rows": len(train),
            "test_rows": len(test),
            "calibration_slope": judged.slope_,
        },
        scorecard=pd.DataFrame(scorecard).T,
        contest=Contest(
            "ROC AUC",
            roc_auc,
            test.churned,
            predicted,
            lambda folder: rerun_churn(folder, test.vectors),
            test.vectors[C.CUSTOMER_ID].tolist(),
        ),
        judged=judged,
        model=model,
        vector_fingerprint=table.fingerprint,
        breadth=breadth_effects(test, table.columns, "products", seed=task.settings.seed),
        figures={
            "calibration": calibration_plot(test.churned, ours),
            "gains": gains_plot(test.churned, predicted, "churners"),
        },
    )


def contract_customers(vectors: pd.DataFrame) -> NDArray[np.bool_]:
    """Return which customers have a standing contract, shape (n,): the model's population."""
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


def _fit(rows: Rows, table: _Table, task: TrainingTask, phrase: str) -> ChurnModel:
    model = ChurnModel(task.horizons.churn_days, boosting=task.boosting)
    tick = task.progress(phrase, model.fit_rounds(rows.vectors))
    return model.fit(rows.vectors, rows.churned, table.columns, tick)


def _with_recency(vectors: pd.DataFrame) -> pd.DataFrame:
    """Fill the recency of those who never ordered with the longest: the baselines read it."""
    recency = vectors["recency_days"]
    return vectors.assign(recency_days=recency.fillna(recency.max()).fillna(0.0))
