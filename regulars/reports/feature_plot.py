"""Small plots of a column's distribution then and now, as SVG in the page's own colours."""

from __future__ import annotations

from xml.etree.ElementTree import Element

import numpy as np

from features.report import Floats, Histogram
from regulars.reports.feature_findings import percent
from training.scorecard.markup import element

WIDTH, HEIGHT = 150, 36


def plot_histogram(histogram: Histogram, title: str) -> Element:
    """Draw a histogram: numbers as steps, categories as pairs of bars.

    Heights are square roots of shares: a column that is zero for most would look empty otherwise.
    """
    draw = _name_bars if histogram.names else _number_steps
    return element(
        "svg",
        element("title", title),
        *draw(histogram),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        width=str(WIDTH),
        height=str(HEIGHT),
        role="img",
        class_="plot",
    )


def _number_steps(histogram: Histogram) -> list[Element]:
    then, now = _heights(histogram)
    return [
        element("path", d=f"M0 {HEIGHT}{_steps(now)}V{HEIGHT}Z", class_="now"),
        element("path", d=f"M0 {HEIGHT}{_steps(then)}V{HEIGHT}", class_="then-line"),
    ]


def _steps(heights: Floats) -> str:
    """Return the outline of bars, from the left end of the base to the right end of the last."""
    ends = np.arange(1, len(heights) + 1) * WIDTH / len(heights)
    parts = zip(heights.tolist(), ends.tolist(), strict=True)
    return "".join(f"V{HEIGHT - height:.4g}H{end:.4g}" for height, end in parts)


def _name_bars(histogram: Histogram) -> list[Element]:
    room = WIDTH / max(len(histogram.names), 4)
    then, now = _heights(histogram)
    bars = []
    for place, name in enumerate(histogram.names):
        before, after = float(histogram.then[place]), float(histogram.now[place])
        bars.append(
            element(
                "g",
                element("title", f"{name}: {percent(before)} then, {percent(after)} now"),
                _bar(place * room + 0.10 * room, 0.38 * room, float(then[place]), "then"),
                _bar(place * room + 0.52 * room, 0.38 * room, float(now[place]), "now"),
            )
        )
    return bars


def _bar(left: float, width: float, height: float, kind: str) -> Element:
    return element(
        "rect",
        x=f"{left:.4g}",
        y=f"{HEIGHT - height:.4g}",
        width=f"{width:.4g}",
        height=f"{height:.4g}",
        class_=kind,
    )


def _heights(histogram: Histogram) -> tuple[Floats, Floats]:
    then, now = np.sqrt(histogram.then), np.sqrt(histogram.now)
    tallest = max(then.max(initial=0.0), now.max(initial=0.0), 1e-12)
    return then / tallest * (HEIGHT - 2), now / tallest * (HEIGHT - 2)
