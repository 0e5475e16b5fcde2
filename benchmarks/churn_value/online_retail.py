"""Churn and value on UCI Online Retail II: one later window, judged once.

Everything is learned from what was known before 10 September 2011; the 90 days that follow, to
the end of the data, judge. Differences to a rival are on the same customers, with a 95 % paired
bootstrap interval: "ahead" is its lower bound, above zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from sklearn.metrics import log_loss

from benchmarks.online_retail_jobs import HORIZON_DAYS, trained
from benchmarks.table import Op, Row, metric_row
from models.metrics.value import spearman
from regulars.console import show_frame
from training.gate import compare
from training.report import Contest, JobReport

Floats = NDArray[np.float64]


def lead(job: JobReport, metric: Callable[[Floats, Floats], float], rival: str, name: str) -> Row:
    """Return by how much the model is ahead of a rival, as the interval's lower bound."""
    actual, predicted = job.contest.actual, job.contest.predicted
    contest = Contest(name, metric, actual, predicted, job.contest.rerun)
    found = compare(contest, predicted[job.name], rival, predicted[rival])
    return Row(
        f"{job.name} {name} ahead of {rival}", found.low, ">", 0.0,
        {"difference": found.mean, "upper": found.high},
    )  # fmt: skip


def negative_log_loss(actual: Floats, predicted: Floats) -> float:
    """Return the mean log-likelihood: larger is better, as in every contest."""
    return -float(log_loss(actual, np.clip(predicted, 1e-6, 1 - 1e-6), labels=[0, 1]))


def compared_with_bars(jobs: dict[str, JobReport]) -> list[Row]:
    """Compare both jobs with the bars."""

    def row(job: str, metric: str, op: Op, bar: float) -> Row:
        return metric_row(jobs[job].scorecard, job, metric, op, bar)

    churn, value = jobs["churn"], jobs["value"]
    bias = row("value", "total_bias", "<=", 0.08)
    covered = row("value", "interval_coverage", ">=", 0.87)
    newcomers = row("value", "interval_coverage_newcomers", ">=", 0.87).value
    covered = replace(covered, what="value interval coverage", beside={"newcomers": newcomers})
    return [
        row("churn", "roc_auc", ">=", 0.785),
        row("churn", "log_loss", "<=", 0.56),
        row("churn", "ece", "<=", 0.025),
        *(lead(churn, churn.contest.metric, rival, "ROC AUC")
          for rival in ("logistic_regression", "recency", "bg_nbd")),
        *(lead(churn, negative_log_loss, rival, "log-likelihood")
          for rival in ("logistic_regression", "recency", "bg_nbd")),
        row("value", "normalised_gini", ">=", 0.80),
        row("value", "spearman", ">=", 0.57),
        replace(bias, what="value |total_bias|", value=abs(bias.value)),
        row("value", "decile_mape", "<=", 0.18),
        *(lead(value, metric, rival, name)
          for rival in ("last_period", "bg_nbd_gamma_gamma")
          for name, metric in (("Gini", value.contest.metric), ("Spearman", spearman))),
        covered,
        replace(covered, op="<=", bar=0.93),
    ]  # fmt: skip


def rows(console: Console) -> list[Row]:
    """Train and judge; print every metric, return the bars."""
    jobs = trained(console, ("churn", "value"))
    for name, job in jobs.items():
        shown = job.scorecard.round(4).rename_axis("model").reset_index()
        show_frame(console, shown, f"{name}: every metric, {HORIZON_DAYS} days from 2011-09-10")
    return compared_with_bars(jobs)
