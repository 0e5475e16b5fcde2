"""Pictures for the people who would rather look than read."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from models.metrics.classification import calibration_bins
from models.metrics.ties import shared_by_ties
from models.metrics.value import decile_means

Floats = NDArray[np.float64]

_OURS, _THEIRS = "#0b6e4f", "#9aa5a0"


def calibration_plot(outcomes: Floats, probabilities: Floats) -> Figure:
    """Draw observed churn against predicted, ten equally filled groups."""
    predicted, observed, _ = calibration_bins(outcomes, probabilities)
    figure = Figure(figsize=(4.5, 4.5), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color=_THEIRS, linestyle="--", label="perfect")
    axes.plot(predicted, observed, color=_OURS, marker="o", label="model")
    axes.set(xlabel="predicted churn probability", ylabel="share that churned",
             title="Calibration on the test window")  # fmt: skip
    axes.legend()
    return figure


def gains_plot(outcomes: Floats, scores: Mapping[str, Floats], what: str) -> Figure:
    """Draw the share of ``what`` captured by contacting the top share of customers."""
    figure = Figure(figsize=(5.5, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for number, (name, score) in enumerate(scores.items()):
        held = shared_by_ties(outcomes, score)[np.argsort(-score, kind="stable")]
        captured = np.cumsum(held) / outcomes.sum()
        share = np.arange(1, len(captured) + 1) / len(captured)
        axes.plot(share, captured, label=name, linewidth=2.5 if number == 0 else 1.2)
    axes.plot([0, 1], [0, 1], color=_THEIRS, linestyle="--", label="at random")
    axes.set(xlabel="share of customers, highest first", ylabel=f"share of {what}",
             title=f"Who holds the {what}")  # fmt: skip
    axes.legend()
    return figure


def decile_plot(actual: Floats, predicted: Floats, currency: str) -> Figure:
    """Draw predicted and actual mean value of ten groups by prediction."""
    by_prediction, by_outcome = decile_means(actual, predicted)
    figure = Figure(figsize=(5.5, 4.5), layout="constrained")
    axes = figure.add_subplot()
    places = np.arange(1, len(by_prediction) + 1)
    axes.bar(places - 0.2, by_prediction, 0.4, color=_OURS, label="predicted")
    axes.bar(places + 0.2, by_outcome, 0.4, color=_THEIRS, label="actual")
    axes.set(xlabel="decile of predicted value", ylabel=f"mean margin, {currency}",
             title="Value by decile on the test window", xticks=places)  # fmt: skip
    axes.legend()
    return figure


def bar_plot(values: Mapping[str, float], title: str, unit: str) -> Figure:
    """Draw named quantities, largest on top."""
    ordered = sorted(values.items(), key=lambda item: item[1])
    figure = Figure(figsize=(6.5, 0.5 + 0.28 * max(len(ordered), 4)), layout="constrained")
    axes = figure.add_subplot()
    axes.barh([name for name, _ in ordered], [value for _, value in ordered], color=_OURS)
    axes.set(title=title, xlabel=unit)
    return figure
