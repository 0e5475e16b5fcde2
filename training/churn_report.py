"""The report of a churn job, whether churn is of orders or of contracts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from features.vocabulary import Columns as C
from models.churn_value.churn import ChurnModel
from models.metrics.classification import churn_scorecard, roc_auc
from models.uplift.breadth import BreadthEffect
from training.dataset import Rows
from training.plots import bar_plot, calibration_plot, gains_plot
from training.report import Contest, Floats, JobReport
from training.scorecard import Judgement
from training.task import TrainingTask
from training.windows import Windows

_FEATURES_SHOWN = 20


@dataclass(frozen=True, eq=False)
class ChurnTest:
    """The judged model of a churn job on its test window.

    Attributes
    ----------
    train_rows
        How many rows the model learned from.
    predicted
        Churn probabilities of the test rows: of the model, as ``churn``, and of each baseline.
    """

    model: ChurnModel
    windows: Windows
    train_rows: int
    rows: Rows
    predicted: Mapping[str, Floats]


def churn_report(
    task: TrainingTask,
    test: ChurnTest,
    served: ChurnModel,
    definition: Mapping[str, Any],
    vector_fingerprint: str,
    breadth: tuple[BreadthEffect, ...],
    judgement: Judgement | None = None,
) -> JobReport:
    """Report on a churn model and its baselines.

    Parameters
    ----------
    served
        Fitted on everything known by ``task.as_of``.
    definition
        Label, horizon and population.
    """
    churned, vectors, windows = test.rows.churned, test.rows.vectors, test.windows
    scorecard = {name: churn_scorecard(churned, each) for name, each in test.predicted.items()}
    return JobReport(
        name="churn",
        as_of=windows.as_of,
        test=windows.test,
        definition=definition,
        parameters={
            **asdict(task.boosting),
            "half_life_days": test.model.curve_.half_life_days,
            "curve_horizons_days": list(test.model.curve_.horizons_days),
            "train_cutoffs": len(windows.train),
            "train_rows": test.train_rows,
            "test_rows": len(test.rows),
            "calibration_slope": test.model.slope_,
        },
        scorecard=pd.DataFrame(scorecard).T,
        contest=Contest(
            "ROC AUC",
            roc_auc,
            churned,
            test.predicted,
            lambda folder: _rerun(folder, vectors),
            vectors[C.CUSTOMER_ID].tolist(),
        ),
        judged=test.model,
        model=served,
        vector_fingerprint=vector_fingerprint,
        breadth=breadth,
        judgement=judgement,
        figures={
            "calibration": calibration_plot(churned, test.predicted["churn"]),
            "gains": gains_plot(churned, test.predicted, "churners"),
            "importance": bar_plot(
                _largest(test.model.importance()),
                "Features by share of the training gain",
                "share of training gain",
            ),
        },
    )


def _largest(importance: Mapping[str, float]) -> dict[str, float]:
    return dict(sorted(importance.items(), key=lambda item: -item[1])[:_FEATURES_SHOWN])


def _rerun(folder: Path, vectors: pd.DataFrame) -> Floats | None:
    """Score today's test window with a saved model; None if it reads removed features."""
    champion = ChurnModel.load(folder)
    if not set(champion.encoder_.columns) <= set(vectors.columns):
        return None
    return champion.predict_proba(vectors)[:, 1]
