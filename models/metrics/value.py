"""How value predictions are judged: ranking of money, its level, and by decile.

Source: normalised Gini as in Wang, Liu & Miao 2019.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.metrics.order import (
    Held,
    Ranking,
    Scorer,
    equal_parts,
    of_the_sample,
    once,
    rank_rows,
    row_means,
    together,
)

Floats = NDArray[np.float64]

_DECILES = 10


def value_scorer(actual: Floats, predicted: Floats) -> Scorer:
    """Return the scorer of every value metric of one model's point predictions."""
    return together(
        _order_scorer(actual, predicted),
        _bias_scorer(actual, predicted),
        _root(row_means({"rmse": (predicted - actual) ** 2}), "rmse"),
        row_means({"mae": np.abs(predicted - actual)}),
    )


def value_scorecard(actual: Floats, predicted: Floats) -> dict[str, float]:
    """Return every value metric of one model on one window."""
    return of_the_sample(value_scorer(actual, predicted), len(actual))


def normalised_gini(actual: Floats, scores: Floats) -> float:
    """Return the Gini of the scores over that of a perfect ranking: 1 perfect, 0 random.

    Zero where all customers are worth the same: there is nothing to rank.
    """
    ours, best = (_held(actual, by) for by in (scores, actual))
    return float(_gini(ours, best, np.abs(actual).max())[0])


def spearman(actual: Floats, scores: Floats) -> float:
    """Return the correlation of ranks; NaN where either side is constant and has none."""
    x, y = (_ranks(_held(actual, by), rank_rows(by)) for by in (actual, scores))
    return float(_correlation(once(len(actual)), x, y)[0])


def decile_means(actual: Floats, predicted: Floats) -> tuple[Floats, Floats]:
    """Return mean predicted and mean actual value of ten equal groups by prediction."""
    sizes = np.diff(equal_parts(len(actual), _DECILES), prepend=0.0)
    filled = sizes > 0
    drawn = _held(actual, predicted)
    by_prediction = drawn.score_parts(rank_rows(predicted).scores, _DECILES)
    by_outcome = drawn.parts(_DECILES)
    return by_prediction[0, filled] / sizes[filled], by_outcome[0, filled] / sizes[filled]


def _held(values: Floats, by: Floats) -> Held:
    """Return what the sample itself holds, in order of a score."""
    return Held.of(values, rank_rows(by), once(len(values)))


def _order_scorer(actual: Floats, predicted: Floats) -> Scorer:
    """Score what is read off the rows in order of their prediction."""
    ranking, best = rank_rows(predicted), rank_rows(actual)
    largest = np.abs(actual).max()

    def score(counts: Floats) -> dict[str, Floats]:
        ours, perfect = (Held.of(actual, by, counts) for by in (ranking, best))
        by_prediction = ours.score_parts(ranking.scores, _DECILES)
        ranks = _ranks(perfect, best), _ranks(ours, ranking)
        return {
            "normalised_gini": _gini(ours, perfect, largest),
            "spearman": _correlation(counts, *ranks),
            "decile_mape": _mean_relative_gap(by_prediction, ours.parts(_DECILES)),
        }

    return score


def _gini(ours: Held, perfect: Held, largest: float) -> Floats:
    area, best = _area_above_diagonal(ours), _area_above_diagonal(perfect)
    # If all values are equal, rounding still leaves a tiny area.
    to_rank = best > 1e-13 * largest * ours.rows_up_to[0, -1] ** 2
    return np.divide(area, best, out=np.zeros_like(area), where=to_rank)


def _area_above_diagonal(drawn: Held) -> Floats:
    """Return the area between the capture curve, highest scores first, and the diagonal.

    In money times rows squared, and not divided by the total: that cancels in the ratio and may
    be zero or less (refunds). Rows of equal score are captured evenly.
    """
    below = np.einsum("ij,ij->i", drawn.rows, drawn.held_up_to - drawn.held / 2)
    return np.asarray(drawn.rows_up_to[:, -1] * drawn.held_up_to[:, -1] / 2 - below)


def _ranks(drawn: Held, by: Ranking) -> Floats:
    """Return each row's rank among the rows drawn, less the middle; the mean where it is tied."""
    middle = (drawn.rows_up_to[0, -1] + 1) / 2
    return by.spread(drawn.rows_up_to - (drawn.rows - 1) / 2 - middle)


def _correlation(counts: Floats, x: Floats, y: Floats) -> Floats:
    common = np.einsum("ij,ij,ij->i", counts, x, y)
    alone = [np.einsum("ij,ij,ij->i", counts, ranks, ranks) for ranks in (x, y)]
    spread = np.sqrt(alone[0] * alone[1])
    undefined = np.full_like(common, np.nan)
    correlation: Floats = np.divide(common, spread, out=undefined, where=spread > 0)
    return correlation


def _mean_relative_gap(predicted: Floats, actual: Floats) -> Floats:
    """Return the mean of |predicted - actual| / |actual| over deciles that are not zero."""
    filled = actual != 0
    gaps = np.abs(predicted - actual)
    errors = np.divide(gaps, np.abs(actual), out=np.zeros_like(gaps), where=filled)
    deciles = filled.sum(axis=1).astype(np.float64)
    undefined = np.full(len(predicted), np.nan)
    mean: Floats = np.divide(errors.sum(axis=1), deciles, out=undefined, where=deciles > 0)
    return mean


def _bias_scorer(actual: Floats, predicted: Floats) -> Scorer:
    def score(counts: Floats) -> dict[str, Floats]:
        total, came = counts @ predicted, counts @ actual
        undefined = np.full_like(came, np.nan)
        return {"total_bias": np.divide(total, came, out=undefined, where=came != 0) - 1}

    return score


def _root(scorer: Scorer, name: str) -> Scorer:
    def score(counts: Floats) -> dict[str, Floats]:
        return {name: np.sqrt(scorer(counts)[name])}

    return score
