"""The value job: P(buys) x E[margin | buys], judged in money on a later window."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pandas as pd

from features.engine import Engine
from features.prepare import Prepared
from features.progress import Progress
from features.settings import ShopSettings
from features.vocabulary import Columns as C
from models.boosting import BoostingParameters
from models.metrics.value import normalised_gini, value_scorecard
from models.value import ValueModel
from training.baselines import value_baselines
from training.dataset import Dataset, Rows, build_dataset, population
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
) -> JobReport:
    """Run the value job.

    Raises
    ------
    TrainingError
        Too few customers bought at a profit to learn from.
    """
    data = build_dataset(engine, prepared, shop, windows, progress)
    boosting = BoostingParameters(seed=settings.seed)
    judged = _fit(data.train, data, windows.horizon_days, boosting, progress, "Value, judged")
    model = _fit(data.final, data, windows.horizon_days, boosting, progress, "Value, served")
    ours = judged.predict(data.test.vectors)
    rivals = value_baselines(data.test.vectors, windows.horizon_days, data.train.margin.mean())
    predicted = {"value": ours, **rivals}
    scorecard = {name: value_scorecard(data.test.margin, says) for name, says in predicted.items()}
    return JobReport(
        name="value",
        as_of=windows.as_of,
        test=windows.test,
        definition={
            "label": "discounted margin of the horizon, zero for those who do not buy",
            "horizon_days": windows.horizon_days,
            "population": population(shop),
            "discount_rate": shop.discount_rate,
            "currency": shop.currency,
            "margin_rate_where_cost_unknown": shop.margin_rate,
        },
        parameters={
            **asdict(boosting),
            "half_life_days": judged.half_life_days,
            "train_cutoffs": len(windows.train),
            "train_rows": len(data.train),
            "test_rows": len(data.test),
            "smearing": judged.smearing_,
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
        figures={
            "deciles": decile_plot(data.test.margin, ours, shop.currency),
            "gains": gains_plot(
                data.test.margin.clip(min=0),
                {"value": ours, "last_period": rivals["last_period"]},
                "margin",
            ),
        },
    )


def _fit(
    rows: Rows,
    data: Dataset,
    horizon_days: int,
    boosting: BoostingParameters,
    progress: Progress,
    phrase: str,
) -> ValueModel:
    model = ValueModel(horizon_days, boosting=boosting)
    tick = progress(phrase, model.fit_rounds(rows.vectors))
    return model.fit(rows.vectors, rows.churned, rows.margin, data.columns, tick)


def _rerun(folder: Path, vectors: pd.DataFrame) -> Floats | None:
    """Let a saved model score today's test window, unless it reads features that are gone."""
    champion = ValueModel.load(folder)
    if not set(champion.buys_.encoder_.columns) <= set(vectors.columns):
        return None
    return champion.predict(vectors)
