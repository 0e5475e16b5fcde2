"""The value job: P(buys) x E[margin | buys], fitted, judged on a later window, fitted again."""

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
from models.churn_value.intervals import newcomers
from models.churn_value.value import ValueModel
from models.metrics.value import normalised_gini, value_scorecard
from training.baselines import btyd_baseline, fit_outlook, value_baselines
from training.curves import CurveCache
from training.dataset import (
    Dataset,
    KnownOutcomes,
    Rows,
    Table,
    build_dataset,
    population,
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
    curves: CurveCache | None = None,
    extrapolated_to_days: int | None = None,
) -> JobReport:
    """Run the value job.

    Parameters
    ----------
    table
        Vectors and outcomes shared with other jobs; by default they are built.
    boosting
        Hyperparameters, for example from :func:`training.tuning.tune`.
    curves
        Curves already fitted on the same table; this job adds its own.
    extrapolated_to_days
        Horizon that scores will be extrapolated to; the job itself learns and judges the horizon of
        ``windows``.

    Raises
    ------
    TrainingError
        Too few customers bought at a profit to learn from.
    """
    data = build_dataset(engine, prepared, shop, windows, progress, table)
    boosting, curves = boosting or BoostingParameters(seed=settings.seed), curves or CurveCache()
    judged = _fit(data.known_at_test, data, boosting, curves, progress, "Value, judged")
    model = _fit(data.known_at_end, data, boosting, curves, progress, "Value, served")
    ours, rivals = judged.predict(data.test.vectors), _rivals(data, shop)
    predicted = {"value": ours, **rivals}
    scorecard = {name: value_scorecard(data.test.margin, each) for name, each in predicted.items()}
    scorecard["value"] |= _coverage(data.test, judged)
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


def _rivals(data: Dataset, shop: ShopSettings) -> dict[str, Floats]:
    """Return the test rows' margin over the horizon by each baseline."""
    test = data.test.vectors
    rivals = value_baselines(test, data.horizon_days, data.train.margin.mean())
    outlook = fit_outlook(data.histories)
    if outlook is not None:
        expected = btyd_baseline(outlook, test, data.horizon_days, shop.discount_rate)
        rivals["bg_nbd_gamma_gamma"] = expected["margin"].to_numpy()
    return rivals


def _coverage(test: Rows, judged: ValueModel) -> dict[str, float]:
    """Return the share of outcomes inside their intervals: of everyone, and of newcomers."""
    covered = held(test.margin, judged.predict_interval(test.vectors))
    is_new = newcomers(test.vectors)
    return {
        "interval_coverage": float(covered.mean()),
        "interval_coverage_newcomers": float(covered[is_new].mean()) if is_new.any() else np.nan,
    }


def held(margin: Floats, interval: Floats) -> NDArray[np.bool_]:
    """Return which outcomes lie in their interval, with a tolerance far below a cent."""
    return (margin >= interval[:, 0] - 1e-7) & (margin <= interval[:, 1] + 1e-7)


def _fit(
    known: KnownOutcomes,
    data: Dataset,
    boosting: BoostingParameters,
    curves: CurveCache,
    progress: Progress,
    phrase: str,
) -> ValueModel:
    model = ValueModel(data.horizon_days, boosting=boosting)
    tick = progress(phrase, model.fit_rounds_of(known.outcomes))
    return model.fit_outcomes(known.outcomes, known.margin, data.columns, tick, curves.fit)


def _rerun(folder: Path, vectors: pd.DataFrame) -> Floats | None:
    """Score today's test window with a saved model; None if it reads features that are gone."""
    champion = ValueModel.load(folder)
    if not set(champion.buys_.encoder_.columns) <= set(vectors.columns):
        return None
    return champion.predict(vectors)
