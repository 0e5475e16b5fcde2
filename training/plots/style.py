"""Colours of the plots (those of the feature page), axes, and legends beside the data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

Floats = NDArray[np.float64]

INK, DIM, LINE, PANEL = "#1b232d", "#586473", "#d9dfe6", "#f5f7f9"
OURS, RIVAL = "#4a93c4", "#b4530a"
GOOD, MOVED, BAD = "#23703a", "#8a5600", "#b42318"
SHADES = LinearSegmentedColormap.from_list("shades", [PANEL, OURS, "#12405f"])
LOW_TO_HIGH = LinearSegmentedColormap.from_list("low to high", [OURS, "#b9aea6", RIVAL])

_RIVALS = ((RIVAL, "-"), (GOOD, "--"), ("#8565a8", "-."), ("#0f7f86", "-"), (MOVED, "--"))
_POINTS = 400


def new_figure(
    width: float = 5.6, height: float = 4.2, rows: int = 1, heights: Sequence[float] | None = None
) -> tuple[Figure, list[Axes]]:
    """Return a figure, in inches, with axes below one another."""
    figure = Figure(figsize=(width, height), layout="constrained")
    panels = figure.subplots(rows, 1, squeeze=False, height_ratios=heights)[:, 0]
    axes = list(panels)
    for each in axes:
        _style(each)
    return figure, axes


def _style(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(DIM)
    axes.tick_params(colors=INK, labelsize=10)
    axes.grid(color=LINE, linewidth=0.6)
    axes.set_axisbelow(True)


def caption(axes: Axes, title: str, x: str, y: str) -> None:
    """Set the title and the labels of the axes."""
    axes.set_title(title, fontsize=12, color=INK, loc="left", wrap=True)
    axes.set_xlabel(x, fontsize=10.5, color=INK)
    axes.set_ylabel(y, fontsize=10.5, color=INK)


def legend(figure: Figure, axes: Axes) -> None:
    """Put the legend below the axes, where it covers nothing."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=min(2, len(handles)),
        fontsize=10, frameon=False, labelcolor=INK,
    )  # fmt: skip


def model_lines(names: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each model with its line; the first is ours."""
    rivals = cycle(_RIVALS)
    for place, name in enumerate(names):
        if place == 0:
            yield name, {"color": OURS, "linewidth": 2.6, "zorder": 3}
        else:
            colour, dash = next(rivals)
            yield name, {"color": colour, "linestyle": dash, "linewidth": 1.4}


def thinned(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Drop points beyond what the plot can show; the ends stay."""
    if len(x) <= _POINTS:
        return x, y
    kept = np.unique(np.linspace(0, len(x) - 1, _POINTS).round().astype(np.intp))
    return x[kept], y[kept]


# As the field writes them.
_WRITTEN = {
    "als": "ALS",
    "bg_nbd": "BG/NBD",
    "bg_nbd_gamma_gamma": "BG/NBD x Gamma-Gamma",
    "btyd": "buy till you die",
}


def plain(name: str) -> str:
    """Write a name as one reads it: without underscores, models as the field names them."""
    return _WRITTEN.get(name, name.replace("_", " "))
