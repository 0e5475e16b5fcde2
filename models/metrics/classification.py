"""How churn scores are judged: ranking, likelihood and calibration."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from models.metrics.ties import shared_by_ties

Floats = NDArray[np.float64]


def calibration_bins(
    outcomes: Floats, probabilities: Floats, bins: int = 10
) -> tuple[Floats, Floats, Floats]:
    """Return mean probability, observed rate and share of rows of equally filled bins."""
    order = np.argsort(probabilities, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    predicted = np.array([probabilities[part].mean() for part in parts])
    shared = shared_by_ties(outcomes, probabilities)
    observed = np.array([shared[part].mean() for part in parts])
    share = np.array([len(part) for part in parts]) / len(outcomes)
    return predicted, observed, share


def expected_calibration_error(outcomes: Floats, probabilities: Floats, bins: int = 10) -> float:
    """Return the mean gap between predicted and observed over equally filled bins."""
    predicted, observed, share = calibration_bins(outcomes, probabilities, bins)
    return float(share @ np.abs(predicted - observed))


def lift_at(outcomes: Floats, scores: Floats, share: float = 0.1) -> float:
    """Return how much denser outcomes are in the top ``share`` than overall."""
    top = np.argsort(-scores, kind="stable")[: max(1, round(share * len(scores)))]
    return float(shared_by_ties(outcomes, scores)[top].mean() / max(outcomes.mean(), 1e-12))


def capture_at(outcomes: Floats, scores: Floats, share: float = 0.1) -> float:
    """Return the share of all outcomes that the top ``share`` of scores holds."""
    top = np.argsort(-scores, kind="stable")[: max(1, round(share * len(scores)))]
    return float(shared_by_ties(outcomes, scores)[top].sum() / max(outcomes.sum(), 1e-12))


def churn_scorecard(outcomes: Floats, probabilities: Floats) -> dict[str, float]:
    """Return every churn metric of one model on one window."""
    clipped = np.clip(probabilities, 1e-6, 1 - 1e-6)
    return {
        "roc_auc": float(roc_auc_score(outcomes, probabilities)),
        "average_precision": float(average_precision_score(outcomes, probabilities)),
        "log_loss": float(log_loss(outcomes, clipped)),
        "brier": float(brier_score_loss(outcomes, probabilities)),
        "ece": expected_calibration_error(outcomes, probabilities),
        "lift_at_10pct": lift_at(outcomes, probabilities),
        "capture_at_10pct": capture_at(outcomes, probabilities),
    }
