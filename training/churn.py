"""The churn job: fit, judge on a later window beside the baselines, fit again on everything."""

from __future__ import annotations

from models.btyd.outlook import P_NO_ORDER, Outlook
from models.churn_value.churn import ChurnModel
from training.baselines import btyd_baseline, churn_baselines, fit_outlook
from training.breadth import breadth_effects
from training.churn_report import ChurnTest, churn_report
from training.dataset import Dataset, KnownOutcomes, build_dataset, population
from training.judgements import churn_judgement
from training.report import Floats, JobReport
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
    baselines = _baselines(data, judged, outlook, task)
    served = _fit(data.known_at_end, data, task, "Churn, served")
    predicted = {"churn": judged.predict_proba(data.test.vectors)[:, 1], **baselines}
    tick = task.progress("Churn by categories held", 1)
    breadth = breadth_effects(data.test, data.columns, "categories", seed=task.settings.seed)
    tick()
    return churn_report(
        task,
        ChurnTest(judged, windows, len(data.train), data.test, predicted),
        served,
        {
            "label": "churned = 1: no net-positive order in the horizon",
            "horizon_days": windows.horizon_days,
            "population": population(task.shop),
        },
        data.vector_fingerprint,
        breadth,
        churn_judgement(task, data, judged, predicted, outlook),
    )


def _baselines(
    data: Dataset, judged: ChurnModel, outlook: Outlook | None, task: TrainingTask
) -> dict[str, Floats]:
    """Return the churn probabilities of the test rows by each baseline."""
    tick = task.progress("Churn, baselines", 2)
    train, test = data.train, data.test.vectors
    baselines = churn_baselines(train.vectors, train.churned, test, judged.encoder_)
    tick()
    if outlook is not None:
        expected = btyd_baseline(outlook, test, data.horizon_days, task.shop.discount_rate)
        baselines["bg_nbd"] = expected[P_NO_ORDER].to_numpy()
    tick()
    return baselines


def _fit(known: KnownOutcomes, data: Dataset, task: TrainingTask, phrase: str) -> ChurnModel:
    model = ChurnModel(data.horizon_days, boosting=task.boosting)
    tick = task.progress(phrase, model.curve_.fit_rounds(known.outcomes))
    return model.fit_outcomes(known.outcomes, data.columns, tick, task.curves.fit)
