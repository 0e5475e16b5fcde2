"""Plots of churn scores: calibration, gains, lift and profit."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from models.metrics.classification import calibration_bins
from models.metrics.profit import (
    PUBLISHED_CAMPAIGN,
    Campaign,
    expected_maximum_profit,
    profit_curve,
)
from models.metrics.ties import shared_by_ties
from training.plots.style import (
    DIM,
    INK,
    OURS,
    Floats,
    caption,
    legend,
    model_lines,
    new_figure,
    plain,
    thinned,
)

_Z = 1.96


def calibration_plot(outcomes: Floats, probabilities: Floats) -> Figure:
    """Draw observed churn against predicted in ten equal groups, and a histogram of the scores.

    Bars are 95 % Wilson intervals of the observed share.
    """
    predicted, observed, share = calibration_bins(outcomes, probabilities)
    low, high = _wilson(observed, share * len(outcomes))
    figure, (axes, below) = new_figure(5.2, 5.4, rows=2, heights=(4, 1))
    axes.plot([0, 1], [0, 1], color=DIM, linestyle="--", linewidth=1, label="perfect")
    # Rounding may leave an end of an interval a hair inside its point.
    reach = np.maximum([observed - low, high - observed], 0.0)
    axes.errorbar(
        predicted, observed, reach, color=OURS, marker="o", linewidth=2, elinewidth=1.2,
        capsize=3, label="tenths of the customers, with 95 % intervals",
    )  # fmt: skip
    axes.set(xlim=(0, 1), ylim=(0, 1))
    caption(axes, "Calibration on the test window", "", "share that churned")
    below.hist(probabilities, bins=np.linspace(0, 1, 41).tolist(), color=OURS)
    below.set_xlim(0, 1)
    caption(below, "", "predicted churn probability", "customers")
    legend(figure, axes)
    return figure


def gains_plot(outcomes: Floats, scores: Mapping[str, Floats], what: str) -> Figure:
    """Draw the share of ``what`` captured by contacting the top share of customers."""
    figure, (axes,) = new_figure()
    for name, line in model_lines(list(scores)):
        share, captured = _captured(outcomes, scores[name])
        axes.plot(*thinned(share, captured), label=plain(name), **line)
    axes.plot([0, 1], [0, 1], color=DIM, linestyle=":", linewidth=1, label="at random")
    _percent_of_customers(axes)
    axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    caption(axes, f"Gains: share of {what} captured", _HIGHEST_FIRST, f"share of {what}")
    legend(figure, axes)
    return figure


def lift_plot(outcomes: Floats, scores: Mapping[str, Floats], what: str) -> Figure:
    """Draw the rate of ``what`` in the top share of customers over the rate among all."""
    figure, (axes,) = new_figure()
    for name, line in model_lines(list(scores)):
        share, captured = _captured(outcomes, scores[name])
        # The first few customers' lift is noise that would set the scale.
        shown = share >= 0.01
        axes.plot(*thinned(share[shown], captured[shown] / share[shown]), label=plain(name), **line)
    axes.axhline(1, color=DIM, linestyle=":", linewidth=1, label="at random")
    axes.axvline(0.1, color=INK, linewidth=0.6)
    _percent_of_customers(axes)
    caption(axes, f"Lift: rate of {what} in the top share over that of all", _HIGHEST_FIRST, "lift")
    legend(figure, axes)
    return figure


def profit_plot(
    outcomes: Floats,
    scores: Mapping[str, Floats],
    campaign: Campaign = PUBLISHED_CAMPAIGN,
    currency: str = "",
) -> Figure:
    """Draw a retention campaign's profit by how many are contacted, at the mean acceptance.

    Dots are the best cut-offs; the legend gives each model's expected maximum profit, the
    vertical line the share that it contacts by our scores.
    """
    figure, (axes,) = new_figure(height=4.6)
    for place, (name, line) in enumerate(model_lines(list(scores))):
        share, profit = profit_curve(outcomes, scores[name], campaign)
        best = int(profit.argmax())
        maximum, contacted = expected_maximum_profit(outcomes, scores[name], campaign)
        axes.plot(*thinned(share, profit), label=f"{plain(name)}: EMP {maximum:,.2f}", **line)
        axes.plot(share[best], profit[best], "o", color=line["color"], zorder=4, clip_on=False)
        if place == 0:
            axes.axvline(contacted, color=INK, linewidth=0.8)
    axes.axhline(0, color=DIM, linewidth=0.8)
    _percent_of_customers(axes)
    unit = f"profit per customer scored, {currency}" if currency else "profit per customer scored"
    title = f"Profit of a campaign if {100 * campaign.mean_acceptance:.0f} % of leavers accept"
    caption(axes, title, "share contacted, highest scores first", unit)
    legend(figure, axes)
    return figure


_HIGHEST_FIRST = "share of customers, highest scores first"


def _percent_of_customers(axes: Axes) -> None:
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))


def _captured(outcomes: Floats, score: Floats) -> tuple[Floats, Floats]:
    """Return shares of customers, highest scores first, and of the outcomes captured by them."""
    in_order = shared_by_ties(outcomes, score)[np.argsort(-score, kind="stable")]
    captured = np.cumsum(in_order) / outcomes.sum()
    return np.arange(1, len(captured) + 1) / len(captured), captured


def _wilson(share: Floats, n: Floats) -> tuple[Floats, Floats]:
    """Return the 95 % interval of a share (Wilson 1927)."""
    middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half_width = _Z / (1 + _Z**2 / n) * np.sqrt(share * (1 - share) / n + (_Z / (2 * n)) ** 2)
    return middle - half_width, middle + half_width
