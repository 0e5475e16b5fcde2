"""The scorecard's plots, each with a caption on how to read it."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from models.metrics.survival import kaplan_meier
from training.plots import (
    beeswarm_plot,
    calibration_plot,
    cohort_plot,
    decile_plot,
    family_plot,
    gains_plot,
    lift_plot,
    lorenz_plot,
    matrices_plot,
    movement_plot,
    profit_plot,
    survival_plot,
    tracking_plot,
)
from training.scorecard.judgement import Judgement


@dataclass(frozen=True, eq=False)
class Picture:
    """One plot: a short name, the figure, and how to read it."""

    name: str
    figure: Figure
    caption: str


def draw(judgement: Judgement) -> tuple[Picture, ...]:
    """Draw every plot for which the judgement has the figures, in the order of showing."""
    specific = _churn if judgement.task == "churn" else _value
    return (*specific(judgement), *_over_time(judgement), *_why(judgement))


def svg_address(figure: Figure) -> str:
    """Return a figure as a data address; the same figure is the same text."""
    written = io.BytesIO()
    # Letters as outlines: the plot looks the same on every machine.
    with mpl.rc_context({"svg.fonttype": "path", "svg.hashsalt": "scorecard"}):
        figure.savefig(written, format="svg", metadata={"Date": None}, dpi=110)
    return f"data:image/svg+xml;base64,{base64.b64encode(written.getvalue()).decode('ascii')}"


def _churn(judgement: Judgement) -> Iterator[Picture]:
    actual, by_model = judgement.actual, _ours_first(judgement)
    yield Picture(
        "calibration",
        calibration_plot(actual, judgement.ours),
        "On the dashed line, 40 % of those scored 40 % leave. Below it churn is overstated, above "
        "it understated. The bars below count customers by score.",
    )
    if 0 < actual.mean() < 1:
        yield Picture(
            "gains",
            gains_plot(actual, by_model, "churners"),
            "Share of all churners reached by contacting the highest scores first.",
        )
        yield Picture(
            "lift",
            lift_plot(actual, by_model, "churn"),
            "How much likelier the top share is to leave than the average customer; the vertical "
            "line marks the top tenth.",
        )
    yield Picture(
        "profit",
        profit_plot(actual, by_model, judgement.campaign, judgement.currency),
        "Profit of a campaign by the share contacted, with the costs named under the definitions. "
        "Dots are the best cut-offs. EMP is the best profit, averaged over the uncertain "
        "acceptance rate; the vertical line is the share that our scores contact for it.",
    )


def _value(judgement: Judgement) -> Iterator[Picture]:
    actual = judgement.actual
    yield Picture(
        "deciles",
        decile_plot(actual, judgement.ours, judgement.currency),
        "Ten equal groups by predicted value: pairs of equal height are right on average.",
    )
    positive = actual.clip(min=0)
    if positive.sum() > 0:
        yield Picture(
            "gains",
            gains_plot(positive, _ours_first(judgement), "margin"),
            "How much of the realised margin belongs to the highest predictions; losses count "
            "as zero.",
        )
    if actual.sum() > 0 and judgement.ours.sum() > 0:
        yield Picture(
            "lorenz",
            lorenz_plot(actual, judgement.ours),
            "The further below the diagonal, the fewer customers the money comes from. Where the "
            "dashed line lies above the dark one, predictions are more even than outcomes, as "
            "expected values are.",
        )


def _over_time(judgement: Judgement) -> Iterator[Picture]:
    if judgement.tracking is not None:
        seen = judgement.tracking
        yield Picture(
            "tracking",
            tracking_plot(seen.days, seen.actual, seen.expected),
            "Days on which the test customers ordered after the cutoff, beside those expected: "
            "in all, and week by week.",
        )
    if judgement.survival is not None:
        survival = judgement.survival
        curve = kaplan_meier(survival.duration_days, survival.ordered)
        yield Picture(
            "survival",
            survival_plot(curve, survival.days, survival.expected),
            "Share of customers without an order so many days after the cutoff.",
        )
    if judgement.matrices is not None:
        grid = judgement.matrices
        yield Picture(
            "matrices",
            matrices_plot(
                grid.frequency, grid.recency_days, grid.p_alive, grid.expected_orders,
                grid.age_days, grid.horizon_days,
            ),
            "Who ordered often and then stopped (top left) has most likely left; who ordered "
            "often until now (top right) is expected to order most. P(alive) is the chance that "
            "someone is still a customer at all.",
        )  # fmt: skip
    if judgement.cohorts is not None:
        yield Picture(
            "cohorts",
            cohort_plot(judgement.cohorts),
            "Each row is a cohort, by the month of the first order; the shade starts after that "
            "month, which is 100 % by definition.",
        )
    if judgement.movement is not None:
        yield Picture(
            "movement",
            movement_plot(judgement.movement),
            "Customers by where they were (row) and where they are (column).",
        )


def _why(judgement: Judgement) -> Iterator[Picture]:
    if judgement.contributions is None or judgement.contributions.effects.empty:
        return
    why = judgement.contributions
    yield Picture(
        "families",
        family_plot(why.effects, why.families, why.unit),
        "How far each family of features moves a score, up or down, on average over customers.",
    )
    yield Picture(
        "drivers",
        beeswarm_plot(why.effects, why.values, why.unit),
        "Right of zero a feature raises the score. The colour shows whether the customer's own "
        "value is low or high among customers; grey is no value.",
    )


def _ours_first(judgement: Judgement) -> dict[str, np.ndarray]:
    names = [judgement.model, *judgement.baselines]
    return {name: judgement.predicted[name] for name in names}
