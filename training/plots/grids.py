"""Heatmaps: P(alive) and expected orders, retention of cohorts, movement between segments."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from training.plots.style import INK, SHADES, Floats, caption, new_figure, plain

_MOST_COHORTS = 12
# Cells darker than this share of the scale have white text.
_DARK = 0.55


def matrices_plot(
    frequency: Floats,
    recency_days: Floats,
    p_alive: Floats,
    expected_orders: Floats,
    age_days: float,
    horizon_days: float,
) -> Figure:
    """Draw P(alive) and expected orders by repeat orders and day of the last order.

    Matrices are (len(frequency), len(recency_days)).
    """
    figure, panels = new_figure(5.6, 7.4, rows=2)
    titles = (
        f"P(alive) after {age_days:,.0f} days as a customer",
        f"Expected orders in the next {horizon_days:,.0f} days",
    )
    for axes, matrix, title in zip(panels, (p_alive, expected_orders), titles, strict=True):
        axes.grid(visible=False)
        mesh = axes.pcolormesh(
            recency_days, frequency, matrix, cmap=SHADES, shading="nearest", rasterized=True,
            vmin=0.0, vmax=1.0 if matrix is p_alive else None,
        )  # fmt: skip
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        bar = figure.colorbar(mesh, ax=axes)
        bar.ax.tick_params(labelsize=10, colors=INK)
        caption(axes, title, "days from first to last order", "repeat orders")
    return figure


def cohort_plot(retention: pd.DataFrame) -> Figure:
    """Draw the share of each cohort (row) active in each month since (column); NaN is blank.

    The latest cohorts where there are more than fit a page.
    """
    shown = retention.iloc[-_MOST_COHORTS:].dropna(axis=1, how="all").iloc[:, : _MOST_COHORTS + 1]
    figure, (axes,) = new_figure(max(3.4, 1.8 + 0.42 * shown.shape[1]), 1.3 + 0.28 * len(shown))
    texts = [[f"{100 * share:.0f}" for share in row] for row in shown.to_numpy()]
    # The first month is 100 % by definition and would wash the others out.
    later = shown.to_numpy()[:, 1:]
    top = float(np.nanmax(later)) if later.size and np.isfinite(later).any() else 1.0
    _cells(axes, shown, texts, top)
    caption(
        axes, "Share of each cohort active again, %", "months since the first order", "first order"
    )
    return figure


def movement_plot(moved: pd.DataFrame) -> Figure:
    """Draw how many customers moved from each segment (row) to each (column)."""
    figure, (axes,) = new_figure(2.2 + 0.72 * moved.shape[1], 1.9 + 0.42 * len(moved))
    counts = moved.to_numpy(dtype=np.float64)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
    texts = [[f"{count:,.0f}" for count in row] for row in counts]
    _cells(axes, pd.DataFrame(shares, moved.index, moved.columns), texts, 1.0)
    axes.tick_params(axis="x", labelrotation=35)
    for label in axes.get_xticklabels():
        label.set_horizontalalignment("right")
    caption(axes, "Movement: customers, shaded by share of the row", "to", "from")
    return figure


def _cells(axes: Axes, shares: pd.DataFrame, texts: list[list[str]], top: float) -> None:
    axes.grid(visible=False)
    matrix = shares.to_numpy(dtype=np.float64)
    axes.imshow(matrix, cmap=SHADES, vmin=0.0, vmax=top, aspect="auto")
    axes.set_xticks(range(shares.shape[1]), [plain(str(name)) for name in shares.columns])
    axes.set_yticks(range(len(shares)), [plain(str(name)) for name in shares.index])
    for (row, column), share in np.ndenumerate(matrix):
        if np.isfinite(share):
            colour = "white" if share > _DARK * top else INK
            axes.text(column, row, texts[row][column], ha="center", va="center", fontsize=8.5,
                      color=colour)  # fmt: skip
