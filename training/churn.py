"""The churn job: fit, judge on a later window against the baselines, fit again on everything."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from features.engine import Engine
from features.prepare import Prepared
from features.progress import Progress
from features.settings import ShopSettings
from features.vocabulary import Columns as C
from models.boosting import BoostingParameters
from models.btyd.outlook import P_NO_ORDER
from models.churn import ChurnModel
from models.metrics.classification import churn_scorecard, rank_auc
from training.baselines import btyd_baseline, churn_baselines, fit_outlook
from training.breadth import breadth_effects
from training.curves import Curves
from training.dataset import (
    Dataset,
    Lessons,
    Table,
    build_dataset,
    population,
    split_by_time,
)
from training.judgements import churn_judgement
from training.plots import bar_plot, calibration_plot, gains_plot
from training.report import Contest, Floats, JobReport
from training.settings import TrainingSettings
from training.windows import Windows


def train_churn(
    engine: Engine,
    prepared: Prepared,
    shop: ShopSettings,
    settings: TrainingSettings,
    windows: Windows,
    progress: Progress,
    table: Table | None = None,
    boosting: BoostingParameters | None = None,
    curves: Curves | None = None,
) -> JobReport:
    """Run the churn job.

    Parameters
    ----------
    table
        Vectors and outcomes that other jobs share; by default made for this one alone.
    boosting
        The recipe, for example of :func:`training.tuning.tune`.
    curves
        Fitted by earlier jobs on the same table, and those of this one.

    Raises
    ------
    TrainingError
        The history teaches nothing at this horizon.
    """
    data = (
        build_dataset(engine, prepared, shop, windows, progress)
        if table is None
        else split_by_time(table, windows, shop)
    )
    boosting, curves = boosting or BoostingParameters(seed=settings.seed), curves or Curves()
    horizon_days = windows.horizon_days
    judged = _fit(data.taught, data, horizon_days, boosting, curves, progress, "Churn, judged")
    tick = progress("Churn, baselines", 2)
    rivals = churn_baselines(
        data.train.vectors, data.train.churned, data.test.vectors, judged.encoder_
    )
    tick()
    outlook = fit_outlook(data.histories)
    if outlook is not None:
        foretold = btyd_baseline(outlook, data.test.vectors, horizon_days, shop.discount_rate)
        rivals["bg_nbd"] = foretold[P_NO_ORDER].to_numpy()
    tick()
    model = _fit(data.taught_final, data, horizon_days, boosting, curves, progress, "Churn, served")
    ours = judged.predict_proba(data.test.vectors)[:, 1]
    predicted = {"churn": ours, **rivals}
    scorecard = {name: churn_scorecard(data.test.churned, says) for name, says in predicted.items()}
    tick = progress("Churn by categories held", 1)
    breadth = breadth_effects(data.test, data.columns, "categories", seed=settings.seed)
    tick()
    return JobReport(
        name="churn",
        as_of=windows.as_of,
        test=windows.test,
        definition={
            "label": "churned = 1: no net-positive order in the horizon",
            "horizon_days": windows.horizon_days,
            "population": population(shop),
        },
        parameters={
            **asdict(boosting),
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
        judgement=churn_judgement(
            engine, prepared, shop, windows, data, judged, predicted, outlook
        ),
        figures={
            "calibration": calibration_plot(data.test.churned, ours),
            "gains": gains_plot(data.test.churned, predicted, "churners"),
            "importance": bar_plot(
                dict(sorted(judged.importance().items(), key=lambda i: -i[1])[:20]),
                "What trees read churn from", "share of training gain",
            ),
        },
    )  # fmt: skip


def roc_auc(actual: Floats, predicted: Floats) -> float:
    """Return the area under the ROC curve; one half where only one outcome was drawn."""
    area = rank_auc(actual, predicted)
    return 0.5 if np.isnan(area) else area


def _fit(
    lessons: Lessons,
    data: Dataset,
    horizon_days: int,
    boosting: BoostingParameters,
    curves: Curves,
    progress: Progress,
    phrase: str,
) -> ChurnModel:
    model = ChurnModel(horizon_days, boosting=boosting)
    tick = progress(phrase, model.curve_.fit_rounds(lessons.outcomes))
    return model.fit_outcomes(lessons.outcomes, data.columns, tick, curves.fit)


def rerun_churn(folder: Path, vectors: pd.DataFrame) -> Floats | None:
    """Let a saved model score today's test window, unless it reads features that are gone."""
    champion = ChurnModel.load(folder)
    if not set(champion.encoder_.columns) <= set(vectors.columns):
        return None
    return champion.predict_proba(vectors)[:, 1]
