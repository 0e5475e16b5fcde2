"""Plots over the test window: cumulative orders and survival, expected beside actual."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from models.metrics.survival import SurvivalCurve
from training.plots.style import (
    INK,
    Floats,
    caption,
    legend,
    model_lines,
    new_figure,
    plain,
    thinned,
)

_WEEK_DAYS = 7


def tracking_plot(days: Floats, actual: Floats, expected: Mapping[str, Floats]) -> Figure:
    """Draw cumulative orders, actual and expected, and below them how many a week.

    Parameters
    ----------
    days
        Since the cutoff, shape (k,).
    actual, expected
        Orders of all customers up to each of the days.
    """
    figure, (axes, below) = new_figure(5.6, 5.6, rows=2, heights=(3, 2))
    weeks = days / _WEEK_DAYS
    lengths = np.diff(weeks, prepend=0.0)
    lines: list[tuple[str, Floats, dict[str, Any]]] = [
        ("actual", actual, {"color": INK, "linewidth": 2.0})
    ]
    lines += [(plain(name), expected[name], line) for name, line in model_lines(list(expected))]
    for label, curve, line in lines:
        axes.plot(np.append(0, weeks), np.append(0.0, curve), label=label, **line)
        below.plot(weeks, np.diff(curve, prepend=0.0) / lengths, **line)
    axes.set(xlim=(0, weeks[-1]), ylim=(0, None))
    below.set(xlim=(0, weeks[-1]), ylim=(0, None))
    for each in (axes, below):
        each.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    caption(axes, "Cumulative order days of the test customers", "", "order days so far")
    caption(below, "", "weeks after the cutoff", "order days a week")
    legend(figure, axes)
    return figure


def survival_plot(seen: SurvivalCurve, days: Floats, expected: Mapping[str, Floats]) -> Figure:
    """Draw the share without an order by day: Kaplan-Meier beside the mean prediction."""
    figure, (axes,) = new_figure(height=4.4)
    last = max(float(seen.days[-1]), float(days[-1]))
    # A step curve stays where it is until the last day known.
    days_known = np.append(seen.days, last)
    (step_days, actual), (_, low), (_, high) = (
        thinned(days_known, np.append(curve, curve[-1]))
        for curve in (seen.survival, seen.low, seen.high)
    )
    axes.fill_between(
        step_days, low, high, step="post", color=INK, alpha=0.15, linewidth=0,
        label="its 95 % band",
    )  # fmt: skip
    axes.step(
        step_days, actual, where="post", color=INK, linewidth=1.6,
        label="actual (Kaplan-Meier)",
    )  # fmt: skip
    for name, line in model_lines(list(expected)):
        axes.plot(days, expected[name], label=f"expected: {plain(name)}", **line)
    axes.set(xlim=(0, last), ylim=(0, 1))
    caption(axes, "Customers without an order yet", "days after the cutoff", "share")
    legend(figure, axes)
    return figure
