"""Plots of what moves the scores: by family, and customer by customer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from training.plots.style import (
    DIM,
    INK,
    LOW_TO_HIGH,
    OURS,
    Floats,
    caption,
    new_figure,
    plain,
)

_MOST_FEATURES = 12
_MOST_CUSTOMERS = 800
_SLICES = 80


def bar_plot(values: Mapping[str, float], title: str, unit: str) -> Figure:
    """Draw named quantities, largest on top."""
    ordered = sorted(values.items(), key=lambda item: item[1])
    figure, (axes,) = new_figure(6.2, 0.9 + 0.28 * max(len(ordered), 4))
    axes.barh([plain(name) for name, _ in ordered], [value for _, value in ordered], color=OURS)
    axes.grid(visible=False, axis="y")
    caption(axes, title, unit, "")
    return figure


def family_plot(effects: pd.DataFrame, families: Mapping[str, str], unit: str) -> Figure:
    """Draw how far each family of features moves a score, on average over customers.

    Parameters
    ----------
    effects
        One row a customer, one column a feature. Effects of one family are summed before the
        absolute value is taken, since correlated features share or cancel effects.
    """
    by_family = effects.T.groupby([families[name] for name in effects.columns]).sum().T
    size = by_family.abs().mean()
    return bar_plot(
        {str(name): float(value) for name, value in size.items()},
        "What moves the scores, by family", f"mean size of the effect, {unit}",
    )  # fmt: skip


def beeswarm_plot(effects: pd.DataFrame, values: pd.DataFrame, unit: str) -> Figure:
    """Draw the strongest features, one dot a customer, coloured by the feature's value.

    Right of zero raises the score. Colour is the value's rank among these customers; grey has
    no value, or one without an order (a category).
    """
    strongest = effects.abs().mean().sort_values(kind="stable").index[-_MOST_FEATURES:]
    some = np.unique(np.linspace(0, len(effects) - 1, _MOST_CUSTOMERS).round().astype(np.intp))
    effect = [effects[name].to_numpy(dtype=np.float64)[some] for name in strongest]
    height = [place + 0.38 * _swarm(dots) for place, dots in enumerate(effect)]
    x, y = np.concatenate(effect), np.concatenate(height)
    rank = np.concatenate([_ranks(values[name].iloc[some]) for name in strongest])
    figure, (axes,) = new_figure(6.2, 1.5 + 0.36 * max(len(strongest), 4))
    dots: dict[str, Any] = {"s": 7, "linewidths": 0, "alpha": 0.8, "rasterized": True}
    none = np.isnan(rank)
    axes.scatter(x[none], y[none], color=DIM, **dots)
    shade = axes.scatter(
        x[~none], y[~none], c=rank[~none], cmap=LOW_TO_HIGH, vmin=0, vmax=1, **dots
    )
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_yticks(range(len(strongest)), [plain(str(name)) for name in strongest])
    axes.set_ylim(-0.6, len(strongest) - 0.4)
    bar = figure.colorbar(shade, ax=axes, ticks=[0, 1], aspect=30, pad=0.01)
    bar.ax.set_yticklabels(["low", "high"], fontsize=10, color=INK)
    bar.set_label("the customer's value", fontsize=10, color=INK, labelpad=-8)
    caption(axes, "Strongest drivers, a dot a customer", f"effect, {unit}", "")
    return figure


def _ranks(values: pd.Series) -> Floats:
    """Return values' mean ranks between 0 and 1; NaN where there is none or no order."""
    if not pd.api.types.is_numeric_dtype(values.dtype):
        return np.full(len(values), np.nan)
    ranks = values.astype("float64").rank(pct=True)
    return np.asarray(ranks.to_numpy(dtype=np.float64))


def _swarm(effect: Floats) -> Floats:
    """Return heights, -1 to 1, so that dots with nearly the same effect do not overlap."""
    reach = np.ptp(effect)
    slices = np.zeros(len(effect), dtype=np.intp)
    if reach > 0:
        slices = ((effect - effect.min()) / reach * (_SLICES - 1)).round().astype(np.intp)
    order = np.argsort(slices, kind="stable")
    counts = np.bincount(slices)
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    step = np.empty(len(effect))
    step[order] = np.arange(len(effect)) - first[slices[order]]
    side = np.where(step % 2 == 0, 1.0, -1.0)
    heights: Floats = side * np.ceil(step / 2) / max(np.ceil(counts.max() / 2), 1.0)
    return heights
