"""Compute the scorecard: every metric of every model, with intervals and comparisons."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from models.metrics.bootstrap import Estimate, Resampled, bootstrap, difference, distance, interval
from models.metrics.catalogue import METRICS, Metric, coverage_metric
from models.metrics.classification import churn_scorer
from models.metrics.order import Scorer, row_means, together
from models.metrics.spread import crps_scorer, interval_scorer
from models.metrics.value import value_scorer
from training.scorecard.findings import Finding, find
from training.scorecard.judgement import Judgement
from training.scorecard.segments import SegmentTable, judge_segments
from training.scorecard.table import Comparison, MetricRow, Result

_RESAMPLES = 500
# With more rows intervals are narrow, and 200 resamples measure their width well enough.
_MANY_ROWS = 50_000
_RESAMPLES_OF_MANY = 200


@dataclass(frozen=True, eq=False)
class Scorecard:
    """The results of judging a model and its baselines.

    Attributes
    ----------
    rows
        One per metric.
    segments
        One table per grouping of customers.
    findings
        The main results in words.
    resamples
        Number of bootstrap resamples behind the intervals.
    """

    judgement: Judgement
    rows: tuple[MetricRow, ...]
    segments: tuple[SegmentTable, ...]
    findings: tuple[Finding, ...]
    resamples: int

    def row(self, metric: str) -> MetricRow:
        """Return a metric's row; ``KeyError`` where there is none."""
        return {row.metric.name: row for row in self.rows}[metric]

    def frame(self) -> pd.DataFrame:
        """Return the figures without intervals: one row a model, ours first, a column a metric."""
        models = [self.judgement.model, *self.judgement.baselines]
        return pd.DataFrame(
            {
                row.metric.name: {name: found.value for name, found in row.estimates.items()}
                for row in self.rows
            }
        ).reindex(models)


def judge_model(judgement: Judgement, resamples: int | None = None, seed: int = 0) -> Scorecard:
    """Measure the model and its baselines on the same resamples of the test window's customers.

    Parameters
    ----------
    resamples
        By default 500, or 200 of more than 50,000 customers.
    """
    n = len(judgement.actual)
    draws = resamples or (_RESAMPLES_OF_MANY if n > _MANY_ROWS else _RESAMPLES)
    scorers = {name: _scorer(judgement, name) for name in judgement.predicted}
    found = bootstrap(scorers, n, draws, seed)
    rows = tuple(_row(judgement, metric, found) for metric in _metrics(judgement, found))
    segments = judge_segments(judgement, seed)
    return Scorecard(judgement, rows, segments, find(judgement, rows, segments), draws)


def _scorer(judgement: Judgement, model: str) -> Scorer:
    actual, predicted = judgement.actual, judgement.predicted[model]
    if judgement.task == "churn":
        return churn_scorer(actual, predicted, judgement.campaign)
    scorers = [value_scorer(actual, predicted)]
    if model in judgement.quantiles:
        quantiles = judgement.quantiles[model]
        scorers.append(crps_scorer(actual, quantiles.values, quantiles.levels))
    elif judgement.quantiles:
        # The CRPS of a point prediction is its absolute error.
        scorers.append(row_means({"crps": abs(predicted - actual)}))
    if model in judgement.intervals:
        bounds = judgement.intervals[model]
        scorers.append(interval_scorer(actual, bounds.low, bounds.high, bounds.level))
    return together(*scorers)


def _metrics(judgement: Judgement, found: Mapping[str, Mapping[str, Resampled]]) -> list[Metric]:
    known = dict(METRICS)
    if judgement.intervals:
        ours = judgement.intervals.get(judgement.model)
        level = (ours or next(iter(judgement.intervals.values()))).level
        known = {"interval_coverage": coverage_metric(level), **known}
    measured = {name for metrics in found.values() for name in metrics}
    return [metric for name, metric in known.items() if name in measured]


def _row(
    judgement: Judgement, metric: Metric, found: Mapping[str, Mapping[str, Resampled]]
) -> MetricRow:
    by_model = {name: metrics[metric.name] for name, metrics in found.items()
                if metric.name in metrics}  # fmt: skip
    estimates = {name: _estimate(metric, drawn) for name, drawn in by_model.items()}
    if judgement.model not in by_model:
        return MetricRow(metric, estimates, ())
    ours = by_model[judgement.model]
    comparisons = [
        _compare(metric, baseline, ours, by_model[baseline])
        for baseline in judgement.baselines
        if baseline in by_model
    ]
    return MetricRow(metric, estimates, tuple(comparisons))


def _estimate(metric: Metric, drawn: Resampled) -> Estimate:
    found = interval(drawn, reflected=metric.gap)
    return Estimate(found.value, max(found.low, 0.0), found.high) if metric.gap else found


def _compare(metric: Metric, baseline: str, ours: Resampled, theirs: Resampled) -> Comparison:
    """Return the paired difference, and whether it exceeds chance."""
    gap = interval(difference(ours, theirs), reflected=metric.gap)
    if isinstance(metric.goal, float):
        # Closer to the right number is better, from whichever side.
        apart = [distance(drawn, metric.goal) for drawn in (ours, theirs)]
        return Comparison(baseline, gap, _result(interval(difference(*apart)), "low"))
    return Comparison(baseline, gap, _result(gap, metric.goal))


def _result(gap: Estimate, goal: Literal["high", "low"]) -> Result:
    low, high = (gap.low, gap.high) if goal == "high" else (-gap.high, -gap.low)
    if math.isnan(low):
        return "undefined"
    if low > 0:
        return "better"
    return "worse" if high < 0 else "inconclusive"
