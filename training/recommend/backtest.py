"""Backtest of the recommenders: every model under every protocol, with confidence intervals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import TrainingError
from features.progress import Progress
from models.metrics.beyond_accuracy import diversity_at, popularity_bias_at, product_vectors
from models.metrics.comparison import Comparison, compare_models, mean_interval, sliced
from models.metrics.ranking import (
    PerCustomer,
    hits,
    ndcg_at,
    ranking_scorecard,
    recall_at,
    truth_sizes,
)
from models.recommend.blend import Blend
from models.recommend.contract import Recommender
from models.recommend.interactions import Interactions
from models.recommend.orders import OrderTable
from models.recommend.protocols import Window, last_basket, rolling, time_split
from models.recommend.sources import ranked_sources
from models.recommend.topk import ranked_products, tie_order
from models.recommend.two_stage import TwoStage

_DEPTH: Final = 20
_SLICES: Final = (1, 2, 3, 5, 10)
"""Lower edges of the slices by number of orders in the history."""
_TRAINING_WINDOWS: Final = 3
"""Windows that the ranker is trained on when the split is by time."""


@dataclass(frozen=True)
class Backtest:
    """The results of a backtest.

    Attributes
    ----------
    table
        One row per protocol and model: every metric, and the 95 % interval of NDCG at 10.
    slices
        One row per protocol, model and length of history.
    comparisons
        By protocol and rival: the two-stage model less the rival, NDCG at 10.
    """

    table: pd.DataFrame
    slices: pd.DataFrame
    comparisons: Mapping[str, Mapping[str, Comparison]]


def backtest_recommend(
    interactions: Interactions, horizon_days: int, cutoffs: int, progress: Progress
) -> Backtest:
    """Judge every model and baseline by the last basket, a time split and rolling cutoffs.

    Parameters
    ----------
    interactions
        All known purchases.
    horizon_days
        Length of a time split, and the step between rolling cutoffs.
    cutoffs
        Number of rolling cutoffs before the time split's own; 0 leaves them out.

    Raises
    ------
    TrainingError
        Nobody has two orders.
    """
    end = interactions.as_of_day
    earlier = [end - horizon_days * (step + 2) for step in range(cutoffs)]
    protocols = {
        "last basket": (last_basket(interactions), None),
        "time split": (time_split(interactions, end - horizon_days, horizon_days), horizon_days),
    } | {
        f"rolling {step + 1}": (window, horizon_days)
        for step, window in enumerate(rolling(interactions, earlier, horizon_days))
    }
    judgeable = {name: given for name, given in protocols.items() if given[0].truth.nnz}
    if not judgeable:
        raise TrainingError(
            "no customer has two orders to learn from and be judged by", "give a longer history"
        )
    judged = [
        _judge(name, window, _models(horizon), progress)
        for name, (window, horizon) in judgeable.items()
    ]
    return Backtest(
        table=pd.concat([part.table for part in judged], ignore_index=True),
        slices=pd.concat([part.slices for part in judged], ignore_index=True),
        comparisons={name: found for part in judged for name, found in part.comparisons.items()},
    )


def _models(horizon_days: int | None) -> dict[str, Recommender]:
    """Return the two-stage model first, then its rivals."""
    contender: dict[str, Recommender] = {
        TwoStage.name: TwoStage(
            horizon_days=horizon_days,
            training_windows=1 if horizon_days is None else _TRAINING_WINDOWS,
        )
    }
    return contender | {Blend.name: Blend()} | {each.name: each for each in ranked_sources()}


def _judge(
    protocol: str, window: Window, models: Mapping[str, Recommender], progress: Progress
) -> Backtest:
    """Fit every model on what was known and judge it on what came next."""
    known, customers = window.known, window.customers
    ties = tie_order(known.popularity())
    history = known.customer_matrix()
    own = history[customers]
    buyers = np.bincount(history.indices, minlength=known.n_products)
    vectors = product_vectors(history)
    sizes = truth_sizes(window.truth)
    orders = OrderTable.from_interactions(known).counts[customers]
    lines: list[dict[str, object]] = []
    parts: list[dict[str, object]] = []
    points: dict[str, PerCustomer] = {}
    tick = progress(f"Backtest: {protocol}", len(models))
    for name, model in models.items():
        ranked = ranked_products(model.fit(known).score(customers, _DEPTH), _DEPTH, ties)
        found = hits(ranked, window.truth)
        each = {
            "recall_at_10": recall_at(found, sizes, 10),
            "ndcg_at_10": ndcg_at(found, sizes, 10),
        }
        points[name] = each["ndcg_at_10"]
        sure = mean_interval(points[name])
        lines.append(
            {
                "protocol": protocol,
                "model": name,
                **ranking_scorecard(ranked, window.truth, own),
                "diversity_at_10": _mean(diversity_at(ranked, vectors, 10)),
                "popularity_bias_at_10": _mean(popularity_bias_at(ranked, own, buyers, 10)),
                "ndcg_at_10_low": sure.low,
                "ndcg_at_10_high": sure.high,
            }
        )
        parts.extend(_slice_lines(protocol, name, each, orders))
        tick()
    ours = points.pop(next(iter(models)))
    comparisons = {name: compare_models(ours, theirs) for name, theirs in points.items()}
    return Backtest(pd.DataFrame(lines), pd.DataFrame(parts), {protocol: comparisons})


def _slice_lines(
    protocol: str, model: str, points: Mapping[str, PerCustomer], orders: NDArray[np.int64]
) -> Iterable[dict[str, object]]:
    for name, means in sliced(points, orders, _SLICES).items():
        yield {"protocol": protocol, "model": model, "orders": name, **means}


def _mean(values: PerCustomer) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else float("nan")
