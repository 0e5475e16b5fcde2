"""How value predictions are judged: ranking of money, its level, and by decile.

Source: normalised Gini as in Wang, Liu & Miao 2019.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from models.metrics.ties import shared_by_ties

Floats = NDArray[np.float64]


def normalised_gini(actual: Floats, scores: Floats) -> float:
    """Return the Gini of the scores over that of a perfect ranking: 1 perfect, 0 random.

    Zero where all customers are worth the same: there is nothing to rank.
    """
    if actual.min() == actual.max():
        return 0.0
    return _area_above_diagonal(actual, scores) / _area_above_diagonal(actual, actual)


def _area_above_diagonal(actual: Floats, scores: Floats) -> float:
    """Return the area between the capture curve by ``scores`` and the diagonal, in money.

    Not divided by the total, which cancels in the ratio and may be zero or less: refunds.
    """
    order = np.argsort(-scores, kind="stable")
    captured = np.cumsum(shared_by_ties(actual, scores)[order])
    return float(captured.mean() - actual.sum() * (len(actual) + 1) / (2 * len(actual)))


def spearman(actual: Floats, scores: Floats) -> float:
    """Return the correlation of ranks; NaN where either side is constant and has none."""
    if np.ptp(actual) == 0 or np.ptp(scores) == 0:
        return float("nan")
    return float(np.corrcoef(rankdata(actual), rankdata(scores))[0, 1])


def decile_means(actual: Floats, predicted: Floats) -> tuple[Floats, Floats]:
    """Return mean predicted and mean actual value of ten equal groups by prediction."""
    order = np.argsort(predicted, kind="stable")
    shared = shared_by_ties(actual, predicted)
    parts = [part for part in np.array_split(order, 10) if len(part)]
    return (
        np.array([predicted[part].mean() for part in parts]),
        np.array([shared[part].mean() for part in parts]),
    )


def value_scorecard(actual: Floats, predicted: Floats) -> dict[str, float]:
    """Return every value metric of one model on one window."""
    by_decile_predicted, by_decile_actual = decile_means(actual, predicted)
    nonzero = by_decile_actual != 0
    gaps = np.abs(by_decile_predicted - by_decile_actual)[nonzero]
    return {
        "normalised_gini": normalised_gini(actual, predicted),
        "spearman": _spearman(actual, predicted),
        "total_bias": float(predicted.sum() / actual.sum() - 1.0),
        "decile_mape": float(np.mean(gaps / np.abs(by_decile_actual[nonzero]))),
        "rmse": float(np.sqrt(np.mean((predicted - actual) ** 2))),
        "mae": float(np.mean(np.abs(predicted - actual))),
    }


def _spearman(actual: Floats, predicted: Floats) -> float:
    """Return the rank correlation; undefined (NaN) for a constant prediction."""
    if predicted.min() == predicted.max():
        return float("nan")
    return spearman(actual, predicted)
