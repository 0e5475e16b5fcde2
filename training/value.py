"""The value job: P(buys) x E[margin | buys], fitted, judged on a later window, fitted again."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.settings import ShopSettings
from features.vocabulary import Columns as C
from models.churn_value.intervals import newcomers
from models.churn_value.value import ValueModel
from models.metrics.value import normalised_gini, value_scorecard
from training.baselines import btyd_baseline, fit_outlook, value_baselines
from training.dataset import Dataset, KnownOutcomes, Rows, build_dataset, population
from training.judgements import extrapolation_notes, value_judgement, with_tolerance
from training.plots import decile_plot, gains_plot
from training.report import Contest, Floats, JobReport
from training.task import TrainingTask


def train_value(task: TrainingTask) -> JobReport:
    """Run the value job.

    It learns and judges the longest horizon that the history allows, even if scores will be
    extrapolated further.

    Raises
    ------
    TrainingError
        Too few customers bought at a profit to learn from.
    """
    shop, extrapolated_to_days = task.shop, task.horizons.extrapolated_to_days
    windows = task.windows(task.horizons.value_days)
    data = build_dataset(task, windows)
    judged = _fit(data.known_at_test, data, task, "Value, judged")
    model = _fit(data.known_at_end, data, task, "Value, served")
    ours, baselines = judged.predict(data.test.vectors), _baselines(data, shop)
    predicted = {"value": ours, **baselines}
    scorecard = {name: value_scorecard(data.test.margin, each) for name, each in predicted.items()}
    scorecard["value"] |= _coverage(data.test, judged)
    return JobReport(
        name="value",
        as_of=windows.as_of,
        test=windows.test,
        definition=_definition(shop, windows.horizon_days, extrapolated_to_days),
        parameters={
            **asdict(task.boosting),
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
        notes=extrapolation_notes(windows.horizon_days, extrapolated_to_days),
        judgement=value_judgement(task, data, judged, predicted),
        figures={
            "deciles": decile_plot(data.test.margin, ours, shop.currency),
            "gains": gains_plot(
                data.test.margin.clip(min=0),
                {"value": ours, "last_period": baselines["last_period"]},
                "margin",
            ),
        },
    )


def _definition(
    shop: ShopSettings, horizon_days: int, extrapolated_to_days: int | None
) -> dict[str, Any]:
    return {
        "label": "discounted margin of the horizon, zero for those who do not buy",
        "horizon_days": horizon_days,
        "extrapolated_to_days": extrapolated_to_days,
        "value_basis": "extrapolated" if extrapolated_to_days else "learned",
        "population": population(shop),
        "discount_rate": shop.discount_rate,
        "currency": shop.currency,
        "margin_rate_where_cost_unknown": shop.margin_rate,
    }


def _baselines(data: Dataset, shop: ShopSettings) -> dict[str, Floats]:
    """Return the test rows' margin over the horizon by each baseline."""
    test = data.test.vectors
    baselines = value_baselines(test, data.horizon_days, data.train.margin.mean())
    outlook = fit_outlook(data.histories)
    if outlook is not None:
        expected = btyd_baseline(outlook, test, data.horizon_days, shop.discount_rate)
        baselines["bg_nbd_gamma_gamma"] = expected["margin"].to_numpy()
    return baselines


def _coverage(test: Rows, judged: ValueModel) -> dict[str, float]:
    """Return the share of outcomes inside their intervals: of everyone, and of newcomers."""
    covered = is_covered(test.margin, judged.predict_interval(test.vectors))
    is_new = newcomers(test.vectors)
    return {
        "interval_coverage": float(covered.mean()),
        "interval_coverage_newcomers": float(covered[is_new].mean()) if is_new.any() else np.nan,
    }


def is_covered(margin: Floats, interval: Floats) -> NDArray[np.bool_]:
    """Return which outcomes lie in their interval, shape (n, 2), bounds included."""
    low, high = with_tolerance(interval).T
    return np.asarray((margin >= low) & (margin <= high))


def _fit(known: KnownOutcomes, data: Dataset, task: TrainingTask, phrase: str) -> ValueModel:
    model = ValueModel(data.horizon_days, boosting=task.boosting)
    tick = task.progress(phrase, model.fit_rounds_of(known.outcomes))
    return model.fit_outcomes(known.outcomes, known.margin, data.columns, tick, task.curves.fit)


def _rerun(folder: Path, vectors: pd.DataFrame) -> Floats | None:
    """Score today's test window with a saved model; None if it reads removed features."""
    champion = ValueModel.load(folder)
    if not set(champion.buys_.encoder_.columns) <= set(vectors.columns):
        return None
    return champion.predict(vectors)
