"""The recommendation job: choose a ranking on one window, judge it on the next, choose again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.engine import Engine
from features.errors import TrainingError
from features.prepare import Prepared
from features.progress import Progress
from models.metrics.ranking import hits, ndcg_at, ranking_scorecard, truth_sizes
from models.next_purchase import NextPurchaseModel
from models.recommend.als import Als
from models.recommend.contract import Recommender
from models.recommend.frequency import Frequency
from models.recommend.interactions import Interactions
from models.recommend.popular import Popular
from models.recommend.topk import ranked_products, tie_order
from training.plots import bar_plot
from training.recommend.purchases import describe_products, load_interactions, next_orders
from training.report import Contest, Floats, JobReport
from training.settings import TrainingSettings
from training.windows import Windows

_DEPTH = 20


def train_recommend(
    engine: Engine,
    prepared: Prepared,
    settings: TrainingSettings,
    windows: Windows,
    progress: Progress,
) -> JobReport:
    """Run the recommendation job.

    The judged model is chosen on the horizon before the test cutoff and judged once on the test
    window. The served model is chosen on the test window, the latest there is.

    Raises
    ------
    TrainingError
        No customer with a history ordered in the validation or the test window.
    """
    rollups, test = prepared.rollups, windows.test
    horizon = timedelta(days=windows.horizon_days)
    steps = NextPurchaseModel().choose_steps
    judged = _chosen(
        engine, prepared, windows, settings, progress("Blend, judged", steps), back=horizon
    )
    known = describe_products(engine, prepared, load_interactions(engine, rollups, test))
    customers, truth = next_orders(engine, rollups, known, test, windows.as_of)
    if truth.nnz == 0:
        raise TrainingError(
            f"no known customer ordered between {test} and {windows.as_of}",
            "lengthen training.horizon_days",
        )
    baselines = _baselines()
    tick = progress("Test window, ranked", 1 + len(baselines))
    ranked = {"recommend": judged.fit(known).rank(customers, _DEPTH)}
    tick()
    for name, baseline in baselines.items():
        ranked[name] = _rank(baseline, known, customers)
        tick()
    history = known.customer_matrix()[customers]
    scorecard = {name: ranking_scorecard(r, truth, history) for name, r in ranked.items()}
    served = _chosen(
        engine, prepared, windows, settings, progress("Blend, served", steps), back=timedelta()
    )
    sizes = truth_sizes(truth)
    ndcg = {name: ndcg_at(hits(r, truth), sizes, 10) for name, r in ranked.items()}
    return JobReport(
        name="recommend",
        as_of=windows.as_of,
        test=test,
        definition={
            "truth": "products of the first order at or after the cutoff, known before it",
            "window_days": windows.horizon_days,
            "population": "customers with a purchase before the cutoff and an order after it",
            "customers_judged": len(customers),
        },
        parameters={
            "candidates": settings.candidates,
            "stages": judged.stages_,
            "served_stages": served.stages_,
            **{f"weight_{name}": weight for name, weight in judged.weights_.items()},
            **{f"served_weight_{name}": weight for name, weight in served.weights_.items()},
        },
        scorecard=pd.DataFrame(scorecard).T,
        contest=Contest(
            "NDCG@10",
            lambda _, points: float(np.mean(points)),
            sizes.astype(np.float64),
            ndcg,
            _rerun(known, customers, lambda ranking: ndcg_at(hits(ranking, truth), sizes, 10)),
            known.customer_ids[customers].tolist(),
        ),
        judged=judged,
        model=served,
        vector_fingerprint="purchases",
        figures={
            "ndcg": bar_plot(
                {name: card["ndcg_at_10"] for name, card in scorecard.items()},
                "Next order, test window", "NDCG@10",
            ),
        },
    )  # fmt: skip


def _baselines() -> dict[str, Recommender]:
    return {"popular": Popular(), "personal_frequency": Frequency(popular_fill=True), "als": Als()}


def _chosen(
    engine: Engine,
    prepared: Prepared,
    windows: Windows,
    settings: TrainingSettings,
    tick: Callable[[], None],
    back: timedelta,
) -> NextPurchaseModel:
    """Choose a model on the horizon that ends ``back`` before ``as_of``."""
    rollups = prepared.rollups
    start, end = windows.test - back, windows.as_of - back
    purchases = load_interactions(engine, rollups, start)
    known = describe_products(engine, prepared, purchases)
    customers, truth = next_orders(engine, rollups, known, start, end)
    model = NextPurchaseModel(settings.candidates, windows.horizon_days)
    return model.choose(known, truth, customers, tick)


def _rank(
    model: Recommender, known: Interactions, customers: NDArray[np.int64]
) -> NDArray[np.int64]:
    scores = model.fit(known).score(customers, _DEPTH)
    return ranked_products(scores, _DEPTH, tie_order(known.popularity()))


def _rerun(
    known: Interactions,
    customers: NDArray[np.int64],
    points: Callable[[NDArray[np.int64]], Floats],
) -> Callable[[Path], Floats | None]:
    """Return a function that ranks today's test window with a saved model."""
    return lambda folder: points(NextPurchaseModel.load(folder).fit(known).rank(customers, _DEPTH))
