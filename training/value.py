"""The value job: P(buys) x E[margin | buys], judged in money on a later window."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.engine import Engine
from features.prepare import Prepared
from features.progress import Progress
from features.settings import ShopSettings
from features.vocabulary import Columns as C
from models.boosting import BoostingParameters
from models.intervals import newcomers
from models.metrics.value import normalised_gini, value_scorecard
from models.value import ValueModel
from training.baselines import btyd_baseline, fit_outlook, value_baselines
from training.curves import Curves
from training.dataset import (
    Dataset,
    Lessons,
    Table,
    build_dataset,
    population,
    split_by_time,
)
from training.judgements import reach_notes, value_judgement
from training.plots import decile_plot, gains_plot
from training.report import Contest, Floats, JobReport
from training.settings import TrainingSettings
from training.windows import Windows


def train_value(
    engine: Engine,
    prepared: Prepared,
    shop: ShopSettings,
    settings: TrainingSettings,
    windows: Windows,
    progress: Progress,
    table: Table | None = None,
    boosting: BoostingParameters | None = None,
    curves: Curves | None = None,
    extrapolated_to_days: int | None = None,
) -> JobReport:
    """Run the value job.

    Parameters
    ----------
    table
        Vectors and outcomes that other jobs share; by default made for this one alone.
    boosting
        The recipe, for example of :func:`training.tuning.tune`.
    curves
        Fitted by earlier jobs on the same table, and those of this one.
    extrapolated_to_days
        What scores are to be extrapolated to; the job learns and judges the horizon of
        ``windows`` alone.

    Raises
    ------
    TrainingError
        Too few customers bought at a profit to learn from.
    """
    data = (
        build_dataset(engine, prepared, shop, windows, progress)
        if table is None
        else split_by_time(table, windows, shop)
    )
    boosting, curves = boosting or BoostingParameters(seed=settings.seed), curves or Curves()
    horizon_days = windows.horizon_days
    judged = _fit(data.taught, data, horizon_days, boosting, curves, progress, "Value, judged")
    model = _fit(data.taught_final, data, horizon_days, boosting, curves, progress, "Value, served")
    ours = judged.predict(data.test.vectors)
    covered = held(data.test.margin, judged.predict_interval(data.test.vectors))
    rivals = value_baselines(data.test.vectors, horizon_days, data.train.margin.mean())
    outlook = fit_outlook(data.histories)
    if outlook is not None:
        foretold = btyd_baseline(outlook, data.test.vectors, horizon_days, shop.discount_rate)
        rivals["bg_nbd_gamma_gamma"] = foretold["margin"].to_numpy()
    predicted = {"value": ours, **rivals}
    scorecard = {name: value_scorecard(data.test.margin, says) for name, says in predicted.items()}
    scorecard["value"]["interval_coverage"] = float(covered.mean())
    is_new = newcomers(data.test.vectors)
    scorecard["value"]["interval_coverage_newcomers"] = (
        float(covered[is_new].mean()) if is_new.any() else np.nan
    )
    return JobReport(
        name="value",
        as_of=windows.as_of,
        test=windows.test,
        definition={
            "label": "discounted margin of the horizon, zero for those who do not buy",
            "horizon_days": windows.horizon_days,
            "extrapolated_to_days": extrapolated_to_days,
            "value_basis": "extrapolated" if extrapolated_to_days else "learned",
            "population": population(shop),
            "discount_rate": shop.discount_rate,
            "currency": shop.currency,
            "margin_rate_where_cost_unknown": shop.margin_rate,
        },
        parameters={
            **asdict(boosting),
            "half_life_days": judged.half_life_days,
            "interval_confidences": list(judged.confidence_),
            "train_cutoffs": len(windows.train),
            "train_rows": len(data.train),
            "test_rows": len(data.test),
        },
        scorecard=pd.DataFrame(scorecard).T,
        contest=Contest(
            "normalised Gini",
            normalised_gini,
            data.test.margin,
            predicted,
            lambda folder: _rerun(folder, data.test.vectors),
            data.test.vectors[C.CUSTOMER_ID].tolist(),
        ),
        judged=judged,
        model=model,
        vector_fingerprint=data.vector_fingerprint,
        notes=reach_notes(windows.horizon_days, extrapolated_to_days),
        judgement=value_judgement(shop, windows, data, judged, predicted, extrapolated_to_days),
        figures={
            "deciles": decile_plot(data.test.margin, ours, shop.currency),
            "gains": gains_plot(
                data.test.margin.clip(min=0),
                {"value": ours, "last_period": rivals["last_period"]},
                "margin",
            ),
        },
    )


def held(margin: Floats, interval: Floats) -> NDArray[np.bool_]:
    """Return whose outcome lies in their interval, to a hundred-thousandth of a cent."""
    return (margin >= interval[:, 0] - 1e-7) & (margin <= interval[:, 1] + 1e-7)


def _fit(
    lessons: Lessons,
    data: Dataset,
    horizon_days: int,
    boosting: BoostingParameters,
    curves: Curves,
    progress: Progress,
    phrase: str,
) -> ValueModel:
    model = ValueModel(horizon_days, boosting=boosting)
    tick = progress(phrase, model.fit_rounds_of(lessons.outcomes))
    return model.fit_outcomes(lessons.outcomes, lessons.margin, data.columns, tick, curves.fit)


def _rerun(folder: Path, vectors: pd.DataFrame) -> Floats | None:
    """Let a saved model score today's test window, unless it reads features that are gone."""
    champion = ValueModel.load(folder)
    if not set(champion.buys_.encoder_.columns) <= set(vectors.columns):
        return None
    return champion.predict(vectors)
