"""How churn scores are judged: ranking, likelihood, calibration and profit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.metrics.order import (
    Held,
    Scorer,
    equal_parts,
    of_the_sample,
    once,
    rank_rows,
    row_means,
    together,
)
from models.metrics.profit import PUBLISHED_CAMPAIGN, Campaign, expected_maxima
from models.metrics.recalibration import recalibration_scorer

Floats = NDArray[np.float64]

_BINS = 10
_TOP_SHARE = 0.1
# Probabilities are clipped, so that a wrong certainty does not cost an infinite loss.
_SUREST = 1e-6


def churn_scorer(
    outcomes: Floats, probabilities: Floats, campaign: Campaign = PUBLISHED_CAMPAIGN
) -> Scorer:
    """Return the scorer of every churn metric of one model.

    A metric that needs both outcomes is NaN in a resample that drew one of them alone.

    Parameters
    ----------
    outcomes
        0 or 1, shape (n,).
    campaign
        What keeping customers costs and brings, for the expected maximum profit.
    """
    return together(
        order_scorer(outcomes, probabilities),
        _profit_scorer(outcomes, probabilities, campaign),
        row_means(_row_losses(outcomes, probabilities)),
        recalibration_scorer(outcomes, probabilities),
    )


def churn_scorecard(
    outcomes: Floats, probabilities: Floats, campaign: Campaign = PUBLISHED_CAMPAIGN
) -> dict[str, float]:
    """Return every churn metric of one model on one window."""
    return of_the_sample(churn_scorer(outcomes, probabilities, campaign), len(outcomes))


def calibration_bins(
    outcomes: Floats, probabilities: Floats, bins: int = _BINS
) -> tuple[Floats, Floats, Floats]:
    """Return mean probability, observed rate and share of rows of equally filled bins."""
    n, ranking = len(outcomes), rank_rows(probabilities)
    sizes = np.diff(equal_parts(n, bins), prepend=0.0)
    filled = sizes > 0
    drawn = Held.of(outcomes, ranking, once(n))
    predicted = drawn.score_parts(ranking.scores, bins)[0, filled] / sizes[filled]
    return predicted, drawn.parts(bins)[0, filled] / sizes[filled], sizes[filled] / n


def expected_calibration_error(outcomes: Floats, probabilities: Floats, bins: int = _BINS) -> float:
    """Return the mean gap between predicted and observed over equally filled bins."""
    predicted, observed, share = calibration_bins(outcomes, probabilities, bins)
    return float(share @ np.abs(predicted - observed))


def calibration_error_by_chance(probabilities: Floats, bins: int = _BINS) -> tuple[float, float]:
    """Return mean and standard deviation of the ECE if every probability were right.

    The gap of a group is then nearly normal around zero, and its size half normal.
    """
    n, ranking = len(probabilities), rank_rows(probabilities)
    certain = Held.of(probabilities * (1 - probabilities), ranking, once(n))
    variance = np.maximum(certain.parts(bins)[0], 0.0) / n**2
    mean = float(np.sqrt(2 / np.pi * variance).sum())
    return mean, float(np.sqrt((1 - 2 / np.pi) * variance.sum()))


def rank_auc(outcomes: Floats, scores: Floats) -> float:
    """Return the area under the ROC curve alone; NaN where all outcomes are the same."""
    return float(_roc_auc(Held.of(outcomes, rank_rows(scores), once(len(scores))))[0])


def roc_auc(outcomes: Floats, scores: Floats) -> float:
    """Return the area under the ROC curve; one half if all outcomes are the same."""
    area = rank_auc(outcomes, scores)
    return 0.5 if np.isnan(area) else area


def order_scorer(outcomes: Floats, probabilities: Floats) -> Scorer:
    """Return the scorer of metrics of the rows in order: ranking and calibration error."""
    ranking = rank_rows(probabilities)

    def score(counts: Floats) -> dict[str, Floats]:
        drawn = Held.of(outcomes, ranking, counts)
        gaps = drawn.score_parts(ranking.scores, _BINS) - drawn.parts(_BINS)
        lift, capture = _top(drawn, _TOP_SHARE)
        return {
            "roc_auc": _roc_auc(drawn),
            "average_precision": _average_precision(drawn),
            "ece": np.abs(gaps).sum(axis=1) / counts.shape[1],
            "lift_at_10pct": lift,
            "capture_at_10pct": capture,
        }

    return score


def _profit_scorer(outcomes: Floats, probabilities: Floats, campaign: Campaign) -> Scorer:
    highest_first = rank_rows(-probabilities)

    def score(counts: Floats) -> dict[str, Floats]:
        in_order = highest_first.sort(counts)
        rows = highest_first.merge(in_order)
        churners = highest_first.merge(in_order * outcomes[highest_first.order])
        return {"expected_maximum_profit": expected_maxima(rows, churners, campaign)[0]}

    return score


def _roc_auc(drawn: Held) -> Floats:
    """Return the share of pairs won: negatives below, and half of those that are level."""
    positives, rows = drawn.held_up_to[:, -1], drawn.rows_up_to[:, -1]
    below = drawn.rows_up_to - drawn.held_up_to - (drawn.rows - drawn.held) / 2
    won = np.einsum("ij,ij->i", drawn.held, below)
    return _ratio(won, positives * (rows - positives))


def _average_precision(drawn: Held) -> Floats:
    """Return the mean precision where the list, highest first, is cut below each positive."""
    listed = drawn.rows_up_to[:, -1:] - drawn.rows_up_to + drawn.rows
    found = drawn.held_up_to[:, -1:] - drawn.held_up_to + drawn.held
    precision = np.divide(found, listed, out=np.zeros_like(found), where=listed > 0)
    return _ratio(np.einsum("ij,ij->i", drawn.held, precision), drawn.held_up_to[:, -1])


def _top(drawn: Held, share: float) -> tuple[Floats, Floats]:
    """Return lift and capture of the top ``share`` of rows."""
    rows, total = drawn.rows_up_to[0, -1], drawn.held_up_to[:, -1]
    top = max(1, round(share * rows))
    held = total - drawn.below(np.array([rows - top]))[:, 0]
    return held / top / np.maximum(total / rows, 1e-12), held / np.maximum(total, 1e-12)


def _row_losses(outcomes: Floats, probabilities: Floats) -> dict[str, Floats]:
    clipped = np.clip(probabilities, _SUREST, 1 - _SUREST)
    return {
        "log_loss": -np.log(np.where(outcomes == 1, clipped, 1 - clipped)),
        "brier": (probabilities - outcomes) ** 2,
    }


def _ratio(part: Floats, whole: Floats) -> Floats:
    undefined = np.full_like(part, np.nan)
    return np.divide(part, whole, out=undefined, where=whole > 0)
