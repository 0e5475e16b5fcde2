"""Plots show the figures they are given, name their axes, and keep legends off the data."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from scipy.special import expit

from models.metrics.classification import calibration_bins
from models.metrics.profit import profit_curve
from models.metrics.survival import kaplan_meier
from models.metrics.value import decile_means
from regulars.reports.page_style import LIGHT
from training import plots
from training.scorecard.style import COLOURS

N = 800
RANDOM = np.random.default_rng(0)
LOGITS = RANDOM.normal(0, 1.5, N)
SAID = expit(LOGITS)
CHURNED = (RANDOM.random(N) < SAID).astype(np.float64)
SPENT = np.exp(RANDOM.normal(3, 1, N)) * (1 - CHURNED)
SCORES = {"churn": SAID, "logistic_regression": SAID**2, "recency": SAID, "base_rate": 0 * SAID}
EFFECTS = pd.DataFrame(RANDOM.normal(size=(N, 15)), columns=[f"feature_{k}" for k in range(15)])
DAYS = np.arange(7.0, 92.0, 7.0)
STAGES = ["new", "active", "at_risk", "lost"]
RETENTION = pd.DataFrame([[1.0, 0.4, 0.3], [1.0, 0.5, np.nan]], ["2026-01", "2026-02"])

DRAWN: dict[str, Callable[[], Figure]] = {
    "calibration": lambda: plots.calibration_plot(CHURNED, SAID),
    "gains": lambda: plots.gains_plot(CHURNED, SCORES, "churners"),
    "lift": lambda: plots.lift_plot(CHURNED, SCORES, "churn"),
    "profit": lambda: plots.profit_plot(CHURNED, SCORES, currency="GBP"),
    "deciles": lambda: plots.decile_plot(SPENT, SPENT + 1, "GBP"),
    "lorenz": lambda: plots.lorenz_plot(SPENT, 1 - SAID),
    "tracking": lambda: plots.tracking_plot(DAYS, 3 * DAYS, {"BG/NBD": 2 * DAYS}),
    "survival": lambda: plots.survival_plot(
        kaplan_meier(DAYS, np.ones(len(DAYS), dtype=bool)), DAYS, {"churn": np.exp(-DAYS / 60)}
    ),
    "matrices": lambda: plots.matrices_plot(
        np.arange(4.0), np.arange(5.0), np.full((4, 5), 0.3), np.ones((4, 5)), 365, 90
    ),
    "cohorts": lambda: plots.cohort_plot(RETENTION),
    "movement": lambda: plots.movement_plot(pd.DataFrame(np.eye(4) * 7 + 1, STAGES, STAGES)),
    "families": lambda: plots.family_plot(
        EFFECTS, dict.fromkeys(EFFECTS.columns, "rhythm"), "logit"
    ),
    "drivers": lambda: plots.beeswarm_plot(EFFECTS, EFFECTS, "logit"),
    "bars": lambda: plots.bar_plot({"a_feature": 2.0, "another": 1.0}, "Title", "unit"),
}


def line(figure: Figure, label: str) -> tuple[np.ndarray, np.ndarray]:
    for drawn in figure.axes[0].get_lines():
        if drawn.get_label() == label:
            return np.asarray(drawn.get_xdata()), np.asarray(drawn.get_ydata())
    raise AssertionError(label)


@pytest.mark.parametrize("name", DRAWN)
def test_nothing_is_cut_off_and_no_legend_lies_on_data(name: str) -> None:
    figure = DRAWN[name]()
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    whole = figure.bbox
    for axes in figure.axes:
        extent = axes.get_tightbbox(canvas.get_renderer())
        assert extent is not None
        assert extent.x0 >= whole.x0 - 1
        assert extent.y0 >= whole.y0 - 1
        assert extent.x1 <= whole.x1 + 1
        assert extent.y1 <= whole.y1 + 1
        for legend in figure.legends:
            frame = legend.get_window_extent(canvas.get_renderer())
            assert frame.x0 >= whole.x0 - 1
            assert frame.x1 <= whole.x1 + 1
            assert not frame.overlaps(axes.bbox)
    assert figure.axes[0].get_title(loc="left")


def test_calibration_shows_its_bins() -> None:
    figure = plots.calibration_plot(CHURNED, SAID)
    predicted, observed, _ = calibration_bins(CHURNED, SAID)
    shown = next(drawn for drawn in figure.axes[0].get_lines() if drawn.get_marker() == "o")
    np.testing.assert_allclose(shown.get_xdata(), predicted)
    np.testing.assert_allclose(shown.get_ydata(), observed)


def test_gains_run_from_nobody_to_everybody() -> None:
    share, captured = line(plots.gains_plot(CHURNED, SCORES, "churners"), "churn")
    assert share[-1] == captured[-1] == 1.0
    assert (np.diff(captured) >= -1e-12).all()
    flat_share, flat = line(plots.gains_plot(CHURNED, SCORES, "churners"), "base rate")
    np.testing.assert_allclose(flat, flat_share, atol=1e-9)


def test_lift_of_everybody_is_one() -> None:
    share, lift = line(plots.lift_plot(CHURNED, SCORES, "churn"), "churn")
    assert share[0] >= 0.01
    assert lift[-1] == pytest.approx(1.0)


def test_the_profit_curve_keeps_its_ends_and_names_the_profit() -> None:
    figure = plots.profit_plot(CHURNED, {"churn": SAID})
    label = next(
        str(drawn.get_label())
        for drawn in figure.axes[0].get_lines()
        if "EMP" in str(drawn.get_label())
    )
    share, profit = line(figure, label)
    whole_share, whole_profit = profit_curve(CHURNED, SAID)
    assert (share[0], profit[0]) == (0.0, 0.0)
    assert (share[-1], profit[-1]) == (whole_share[-1], whole_profit[-1])
    assert label.startswith("churn: EMP ")


def test_deciles_are_pairs_of_bars() -> None:
    figure = plots.decile_plot(SPENT, SPENT + 1, "GBP")
    heights = [patch.get_height() for patch in figure.axes[0].patches]
    predicted, actual = decile_means(SPENT, SPENT + 1)
    np.testing.assert_allclose(heights, [*predicted, *actual])


def test_lorenz_curves_of_perfect_predictions_coincide() -> None:
    figure = plots.lorenz_plot(SPENT, SPENT)
    _, ideal = line(figure, "actual, by actual value")
    _, ranked = line(figure, "actual, by predicted value")
    np.testing.assert_allclose(ideal, ranked)


def test_tracking_counts_a_short_last_week_as_a_week() -> None:
    days = np.array([7.0, 14.0, 17.5])
    figure = plots.tracking_plot(days, np.array([10.0, 20.0, 25.0]), {})
    weekly = figure.axes[1].get_lines()[0].get_ydata()
    np.testing.assert_allclose(np.asarray(weekly), 10.0)


def test_effects_of_a_family_add_up_before_their_size_is_taken() -> None:
    """Two features that cancel say nothing together."""
    effects = pd.DataFrame({"a": [1.0, -2.0], "b": [-1.0, 2.0], "c": [0.5, 0.5]})
    figure = plots.family_plot(effects, {"a": "one", "b": "one", "c": "two"}, "logit")
    widths = [patch.get_width() for patch in figure.axes[0].patches]
    assert widths == pytest.approx([0.0, 0.5])


def test_a_swarm_shows_every_sampled_customer_once_a_feature() -> None:
    few = EFFECTS.iloc[:50, :3]
    values = few.assign(feature_0="a category", feature_1=np.nan)
    figure = plots.beeswarm_plot(few, values, "logit")
    grey, coloured = (np.asarray(dots.get_offsets()) for dots in figure.axes[0].collections)
    assert (len(grey), len(coloured)) == (100, 50)
    np.testing.assert_allclose(np.sort(coloured[:, 0]), np.sort(few["feature_2"]))
    assert (np.abs(coloured[:, 1] - coloured[:, 1].round()) <= 0.4).all()


def test_cohorts_name_their_shares_and_leave_the_unknown_blank() -> None:
    figure = plots.cohort_plot(RETENTION)
    assert sorted(text.get_text() for text in figure.axes[0].texts) == [
        "100", "100", "30", "40", "50",
    ]  # fmt: skip


def test_the_scorecard_has_the_feature_page_s_colours() -> None:
    assert {name: LIGHT[name] for name in COLOURS} == COLOURS
