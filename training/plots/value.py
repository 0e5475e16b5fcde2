"""Plots of value predictions: deciles and Lorenz curves."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from models.metrics.ties import shared_by_ties
from models.metrics.value import decile_means
from training.plots.style import (
    DIM,
    INK,
    OURS,
    RIVAL,
    Floats,
    caption,
    legend,
    new_figure,
    thinned,
)


def decile_plot(actual: Floats, predicted: Floats, currency: str) -> Figure:
    """Draw predicted and actual mean value of ten groups by prediction."""
    by_prediction, by_outcome = decile_means(actual, predicted)
    figure, (axes,) = new_figure()
    places = np.arange(1, len(by_prediction) + 1)
    axes.bar(places - 0.2, by_prediction, 0.4, color=OURS, label="predicted")
    axes.bar(places + 0.2, by_outcome, 0.4, color=RIVAL, label="actual")
    axes.set_xticks(places)
    axes.axhline(0, color=DIM, linewidth=0.8)
    caption(axes, "Value by decile on the test window", "decile of predicted value, lowest first",
            f"mean margin, {currency}")  # fmt: skip
    legend(figure, axes)
    return figure


def lorenz_plot(actual: Floats, predicted: Floats, what: str = "margin") -> Figure:
    """Draw how unevenly value is spread: its share by the share of lowest customers.

    Three curves: actual value by actual value, predicted by predicted (is it as uneven?), and
    actual by predicted (the nearer to the first, the better the ranking).
    """
    figure, (axes,) = new_figure(height=4.6)
    curves = (
        ("actual, by actual value", actual, actual, INK, "-"),
        ("predicted, by predicted value", predicted, predicted, OURS, "--"),
        ("actual, by predicted value", actual, predicted, OURS, "-"),
    )
    for label, amounts, order, colour, dash in curves:
        in_order = shared_by_ties(amounts, order)[np.argsort(order, kind="stable")]
        share = np.arange(len(amounts) + 1) / len(amounts)
        curve = np.concatenate([[0.0], np.cumsum(in_order) / amounts.sum()])
        axes.plot(*thinned(share, curve), color=colour, linestyle=dash, linewidth=2, label=label)
    axes.plot([0, 1], [0, 1], color=DIM, linestyle=":", linewidth=1, label="all worth the same")
    axes.set_xlim(0, 1)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    caption(axes, f"Lorenz curves of {what}", "share of customers, lowest first",
            f"share of {what}")  # fmt: skip
    legend(figure, axes)
    return figure
