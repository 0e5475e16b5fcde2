"""The metrics by name: what each is called, what it means, and which way is better."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

Form = Literal["number", "percent", "money", "times"]


@dataclass(frozen=True)
class Metric:
    """One metric as a person meets it.

    Attributes
    ----------
    goal
        ``high``, ``low``, or the number that is right: too much is as bad as too little.
    gap
        Made of absolute gaps, which noise alone makes larger: its interval is reflected.
    """

    name: str
    title: str
    meaning: str
    goal: Literal["high", "low"] | float
    form: Form = "number"
    gap: bool = False


_CHURN: Final = (
    Metric("roc_auc", "ROC AUC", "chance that of two customers the one who left had the higher "
           "score: 0.5 is a coin", "high"),
    Metric("average_precision", "average precision", "precision where the list, highest scores "
           "first, reaches each customer who left, averaged; compare with the churn rate", "high"),
    Metric("log_loss", "log loss", "how surprised the probabilities were by what happened", "low"),
    Metric("brier", "Brier score", "mean squared gap between probability and outcome", "low"),
    Metric("ece", "ECE", "expected calibration error: mean gap between predicted and observed "
           "churn over ten equally filled groups", "low", gap=True),
    Metric("calibration_slope", "calibration slope", "below 1: scores too extreme, above 1: too "
           "timid", 1.0),
    Metric("calibration_intercept", "calibration intercept", "level missed, in logits: above 0 "
           "more left than predicted", 0.0),
    Metric("lift_at_10pct", "lift at 10 %", "churn rate of the highest tenth over that of all",
           "high", "times"),
    Metric("capture_at_10pct", "capture at 10 %", "share of all who left that the highest tenth "
           "holds", "high", "percent"),
    Metric("expected_maximum_profit", "expected maximum profit", "best profit of a retention "
           "campaign per customer scored, over what is not known of their acceptance "
           "(Verbraken, Verbeke & Baesens 2013)", "high", "money"),
)  # fmt: skip
_VALUE: Final = (
    Metric("normalised_gini", "normalised Gini", "how well customers are ranked by money: 1 "
           "perfect, 0 random", "high"),
    Metric("spearman", "Spearman", "correlation of ranks, predicted and actual", "high"),
    Metric("total_bias", "total bias", "sum predicted over sum that came, less 1", 0.0, "percent"),
    Metric("decile_mape", "decile MAPE", "mean gap between predicted and actual over ten groups "
           "by prediction, relative to the actual", "low", "percent", gap=True),
    Metric("rmse", "RMSE", "root of the mean squared error of a customer", "low", "money"),
    Metric("mae", "MAE", "mean absolute error of a customer; gameable, since most are zero",
           "low", "money"),
    Metric("crps", "CRPS", "error of the whole predicted distribution, from its quantiles; for a "
           "point prediction it is the MAE", "low", "money"),
    Metric("interval_score", "interval score", "width of the intervals plus the penalty for "
           "outcomes outside them", "low", "money"),
    Metric("interval_width", "interval width", "mean width; worth having only where coverage "
           "holds", "low", "money"),
)  # fmt: skip
METRICS: Final[dict[str, Metric]] = {metric.name: metric for metric in (*_CHURN, *_VALUE)}


def coverage_metric(level: float) -> Metric:
    """Return the coverage of intervals that promise ``level``."""
    return Metric(
        "interval_coverage",
        f"coverage of {100 * level:.0f} % intervals",
        "share of outcomes inside their interval",
        level,
        "percent",
    )


def say(metric: Metric, value: float, currency: str, *, signed: bool = False) -> str:
    """Write a metric's value as people do; a dash where it is not defined."""
    if not math.isfinite(value):
        return "-"
    sign = "+" if signed else ""
    if metric.form == "percent":
        return f"{100 * value:{sign}.1f} %"
    if metric.form == "times":
        return f"{value:{sign}.2f}"
    if metric.form == "money":
        digits = 2 if abs(value) < 100 else 0
        return f"{value:{sign},.{digits}f} {currency}".rstrip()
    return f"{value:{sign}.3f}"
