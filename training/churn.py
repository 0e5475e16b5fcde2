"""The churn job: fit, judge on a later window beside the baselines, fit again on everything."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pandas as pd

from features.vocabulary import Columns as C
from models.btyd.outlook import P_NO_ORDER, Outlook
from models.churn_value.churn import ChurnModel
from models.metrics.classification import churn_scorecard, roc_auc
from training.baselines import btyd_baseline, churn_baselines, fit_outlook
from training.breadth import breadth_effects
from training.dataset import Dataset, KnownOutcomes, build_dataset, population
from training.judgements import churn_judgement
from training.plots import bar_plot, calibration_plot, gains_plot
from training.report import Contest, Floats, JobReport
from training.task import TrainingTask


def train_churn(task: TrainingTask) -> JobReport:
    """Run the churn job.

    Raises
    ------
    TrainingError
        The history cannot teach this horizon.
    """
    windows = task.windows(task.horizons.churn_days)
    data = build_dataset(task, windows)
    judged = _fit(data.known_at_test, data, task, "Churn, judged")
    outlook = fit_outlook(data.histories)
    rivals = _rivals(data, judged, outlook, task)
    model = _fit(data.known_at_end, data, task, "Churn, served")
    ours = judged.predict_proba(data.test.vectors)[:, 1]
    predicted = {"churn": ours, **rivals}
    scorecard = {name: churn_scorecard(data.test.churned, each) for name, each in predicted.items()}
    tick = task.progress("Churn by categories held", 1)
    breadth = breadth_effects(data.test, data.columns, "categories", seed=task.settings.seed)
    tick()
    return JobReport(
        name="churn",
        as_of=windows.as_of,
        test=windows.test,
        definition={
            "label": "churned = 1: no net-positive order in the horizon",
            "horizon_days": windows.horizon_days,
            "population": population(task.shop),
        },
        parameters={
            **asdict(task.boosting),
            "half_life_days": judged.curve_.half_life_days,
            "curve_horizons_days": list(judged.curve_.horizons_days),
            "train_cutoffs": len(windows.train),
            "train_rows": len(data.train),
            "test_rows": len(data.test),
            "calibration_slope": judged.slope_,
        },
        scorecard=pd.DataFrame(scorecard).T,
        contest=Contest(
            "ROC AUC",
            roc_auc,
            data.test.churned,
            predicted,
            lambda folder: rerun_churn(folder, data.test.vectors),
            data.test.vectors[C.CUSTOMER_ID].tolist(),
        ),
        judged=judged,
        model=model,
        vector_fingerprint=data.vector_fingerprint,
        breadth=breadth,
        judgement=churn_judgement(task, data, judged, predicted, outlook),
        figures={
            "calibration": calibration_plot(data.test.churned, ours),
            "gains": gains_plot(data.test.churned, predicted, "churners"),
            "importance": bar_plot(
                dict(sorted(judged.importance().items(), key=lambda item: -item[1])[:20]),
                "Features by share of the training gain", "share of training gain",
            ),
        },
    )  # fmt: skip


def _rivals(
    data: Dataset,
    judged: ChurnModel,
    outlook: Outlook | None,
    task: TrainingTask,
) -> dict[str, Floats]:
    """Return the churn probabilities of the test rows by each baseline."""
    tick = task.progress("Churn, baselines", 2)
    train, test = data.train, data.test.vectors
    rivals = churn_baselines(train.vectors, train.churned, test, judged.encoder_)
    tick()
    if outlook is not None:
        expected = btyd_baseline(outlook, test, data.horizon_days, task.shop.discount_rate)
        rivals["bg_nbd"] = expected[P_NO_ORDER].to_numpy()
    tick()
    return rivals


def _fit(known: KnownOutcomes, data: Dataset, task: TrainingTask, phrase: str) -> ChurnModel:
    model = ChurnModel(data.horizon_days, boosting=task.boosting)
    tick = task.progress(phrase, model.curve_.fit_rounds(known.outcomes))
    return model.fit_outcomes(known.outcomes, data.columns, tick, task.curves.fit)


def rerun_churn(folder: Path, vectors: pd.DataFrame) -> Floats | None:
    """Score today's test window with a saved model; None if it reads features that are gone."""
    champion = ChurnModel.load(folder)
    if not set(champion.encoder_.columns) <= set(vectors.columns):
        return None
    return champion.predict_proba(vectors)[:, 1]
