"""The recommendation job: choose a ranking on one window, judge it on the next, choose again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import TrainingError
from features.progress import Progress
from models.metrics.ranking import Truth, hits, ndcg_at, ranking_scorecard, truth_sizes
from models.next_purchase import NextPurchaseModel
from models.recommend.als import Als
from models.recommend.contract import Recommender
from models.recommend.frequency import Frequency
from models.recommend.interactions import Interactions
from models.recommend.popular import Popular
from models.recommend.topk import ranked_products, tie_order
from training.plots import bar_plot
from training.recommend.purchases import next_orders, read_interactions
from training.report import Contest, Floats, JobReport
from training.task import TrainingTask
from training.windows import Windows

_DEPTH = 20


def train_recommend(task: TrainingTask) -> JobReport:
    """Run the recommendation job.

    The judged model is chosen on the horizon before the test cutoff and judged once on the test
    window. The served model is chosen on the test window, the latest there is.

    Raises
    ------
    TrainingError
        No customer with a history ordered in the validation or the test window.
    """
    windows = task.windows(task.horizons.churn_days)
    test = windows.test
    judged = _chosen(task, windows, "Blend, judged", back=timedelta(days=windows.horizon_days))
    known, customers, truth = _known_and_next(task, test, windows.as_of)
    if truth.nnz == 0:
        raise TrainingError(
            f"no known customer ordered between {test} and {windows.as_of}",
            "lengthen training.horizon_days",
        )
    ranked = _ranked(judged, known, customers, task.progress)
    history = known.customer_matrix()[customers]
    scorecard = {name: ranking_scorecard(r, truth, history) for name, r in ranked.items()}
    served = _chosen(task, windows, "Blend, served", back=timedelta())
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
        parameters=_parameters(task, judged, served),
        scorecard=pd.DataFrame(scorecard).T,
        contest=_contest(ranked, truth, known, customers),
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


def _parameters(
    task: TrainingTask, judged: NextPurchaseModel, served: NextPurchaseModel
) -> dict[str, Any]:
    return {
        "candidates": task.settings.candidates,
        "stages": judged.stages_,
        "served_stages": served.stages_,
        **{f"weight_{name}": weight for name, weight in judged.weights_.items()},
        **{f"served_weight_{name}": weight for name, weight in served.weights_.items()},
    }


def _contest(
    ranked: Mapping[str, NDArray[np.int64]],
    truth: Truth,
    known: Interactions,
    customers: NDArray[np.int64],
) -> Contest:
    """Return the customers' NDCG by each ranking, and by an older saved model on request."""
    sizes = truth_sizes(truth)

    def ndcg(ranking: NDArray[np.int64]) -> Floats:
        return ndcg_at(hits(ranking, truth), sizes, 10)

    return Contest(
        "NDCG@10",
        lambda _, points: float(np.mean(points)),
        sizes.astype(np.float64),
        {name: ndcg(ranking) for name, ranking in ranked.items()},
        lambda folder: ndcg(_rerun(folder, known, customers)),
        known.customer_ids[customers].tolist(),
    )


def _chosen(
    task: TrainingTask, windows: Windows, phrase: str, back: timedelta
) -> NextPurchaseModel:
    """Choose a model on the horizon that ends ``back`` before ``as_of``."""
    model = NextPurchaseModel(task.settings.candidates, windows.horizon_days)
    tick = task.progress(phrase, model.choose_steps)
    known, customers, truth = _known_and_next(task, windows.test - back, windows.as_of - back)
    return model.choose(known, truth, customers, tick)


def _known_and_next(
    task: TrainingTask, start: date, end: date
) -> tuple[Interactions, NDArray[np.int64], Truth]:
    """Return the purchases before a day, and who ordered what next; see :func:`next_orders`."""
    engine, rollups = task.engine, task.prepared.rollups
    known = read_interactions(engine, task.prepared, start)
    return known, *next_orders(engine, rollups, known, start, end)


def _ranked(
    judged: NextPurchaseModel,
    known: Interactions,
    customers: NDArray[np.int64],
    progress: Progress,
) -> dict[str, NDArray[np.int64]]:
    """Return the customers' products, best first, by the judged model and by each baseline."""
    baselines: dict[str, Recommender] = {
        "popular": Popular(), "personal_frequency": Frequency(popular_fill=True), "als": Als(),
    }  # fmt: skip
    tick = progress("Test window, ranked", 1 + len(baselines))
    ranked = {"recommend": judged.fit(known).rank(customers, _DEPTH)}
    tick()
    ties = tie_order(known.popularity())
    for name, baseline in baselines.items():
        scores = baseline.fit(known).score(customers, _DEPTH)
        ranked[name] = ranked_products(scores, _DEPTH, ties)
        tick()
    return ranked


def _rerun(folder: Path, known: Interactions, customers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rank today's test window with a saved model."""
    return NextPurchaseModel.load(folder).fit(known).rank(customers, _DEPTH)
