"""Plots, as pure functions of arrays that return a matplotlib figure."""

from training.plots.churn import calibration_plot, gains_plot, lift_plot, profit_plot
from training.plots.drivers import bar_plot, beeswarm_plot, family_plot
from training.plots.grids import cohort_plot, matrices_plot, movement_plot
from training.plots.time import survival_plot, tracking_plot
from training.plots.value import decile_plot, lorenz_plot

__all__ = [
    "bar_plot",
    "beeswarm_plot",
    "calibration_plot",
    "cohort_plot",
    "decile_plot",
    "family_plot",
    "gains_plot",
    "lift_plot",
    "lorenz_plot",
    "matrices_plot",
    "movement_plot",
    "profit_plot",
    "survival_plot",
    "tracking_plot",
]
