"""Judge each segment of customers by itself: an average can hide a failure in one of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from features.wording import counted
from models.metrics.bootstrap import Estimate, Resampled, bootstrap
from models.metrics.classification import calibration_error_by_chance, order_scorer
from models.metrics.order import Scorer, of_the_sample
from models.metrics.value import value_scorer
from training.plots.style import plain
from training.scorecard.judgement import Floats, Judgement
from training.scorecard.table import listed

Rows = NDArray[np.intp]

# Smaller segments, or segments with fewer of one outcome, are not judged.
FEWEST_ROWS = 50
_FEWEST_OF_AN_OUTCOME = 10
_MOST_SEGMENTS = 12
_RESAMPLES = 100
_CHANCE = 0.05
# Tests per segment: its level, its ranking, its calibration.
_TESTS = 3
# Smaller differences are not worth a reader's time, however certain.
_LEAST_RANKING = {"roc_auc": 0.03, "normalised_gini": 0.05}
_LEAST_ECE = 0.03
_LEAST_GAP = {"churn": 0.03, "value": 0.10}
_RANKING_WORDS = {"roc_auc": "AUC", "normalised_gini": "Gini"}
_MOST_NAMED = 3


@dataclass(frozen=True)
class Segment:
    """One segment of the test window.

    Attributes
    ----------
    observed, predicted
        Mean outcome and mean prediction.
    bias
        Predicted less observed; for value relative to the observed.
    metrics
        Ranking and, for churn, calibration error; empty with too few customers.
    ece_by_chance
        Expected calibration error of so few customers if every probability were right.
    faults
        How its level or calibration is clearly worse than that of all customers, in words.
    ranked_worse
        Whether it is clearly less well ranked than all customers; similar customers are harder.
    """

    name: str
    n: int
    observed: float
    predicted: float
    bias: Estimate
    metrics: dict[str, Estimate] = field(default_factory=dict)
    ece_by_chance: float = float("nan")
    faults: tuple[str, ...] = ()
    ranked_worse: bool = False


@dataclass(frozen=True)
class SegmentTable:
    """The segments of one way to divide the customers."""

    group: str
    segments: tuple[Segment, ...]


def judge_segments(judgement: Judgement, seed: int) -> tuple[SegmentTable, ...]:
    """Judge every segment of every grouping against all customers.

    Bounds allow for the number of tests (Bonferroni): without real faults, one is reported anywhere
    on the page in at most 5 of 100 cases.
    """
    divided = {str(name): divide(judgement.groups[name]) for name in judgement.groups}
    count = sum(len(segments) for segments in divided.values())
    if count == 0:
        return ()
    limit = float(ndtri(1 - _CHANCE / (2 * _TESTS * count)))
    whole = of_the_sample(
        _scorer(judgement, np.arange(len(judgement.actual))), len(judgement.actual)
    )
    return tuple(
        SegmentTable(
            group,
            tuple(_judge(judgement, name, rows, whole, limit, seed)
                  for name, rows in segments.items()),
        )
        for group, segments in divided.items()
    )  # fmt: skip


def divide(column: pd.Series) -> dict[str, Rows]:
    """Return the rows of each segment.

    Ordered categories come in their order, other names by frequency. Those too rare to judge, or
    too many for a table, are grouped together.
    """
    names = column.astype("object").where(column.notna(), "unknown").astype(str)
    counts = names.value_counts()
    if isinstance(column.dtype, pd.CategoricalDtype) and column.dtype.ordered:
        ordered = [str(name) for name in column.dtype.categories]
        order = [name for name in (*ordered, "unknown") if name in counts.index]
        rest = order[_MOST_SEGMENTS:]
    else:
        order = [str(name) for name in counts.index]
        rest = [
            name
            for place, name in enumerate(order)
            if place >= _MOST_SEGMENTS or counts[name] < FEWEST_ROWS
        ]
    rest = rest if len(rest) > 1 else []
    rows = {name: np.flatnonzero(names == name) for name in order if name not in rest}
    if rest:
        rows[f"{len(rest)} others"] = np.flatnonzero(names.isin(rest))
    return rows


def _scorer(judgement: Judgement, rows: Rows) -> Scorer:
    scorer = order_scorer if judgement.task == "churn" else value_scorer
    return scorer(judgement.actual[rows], judgement.ours[rows])


def _judge(
    judgement: Judgement,
    name: str,
    rows: Rows,
    whole: dict[str, float],
    limit: float,
    seed: int,
) -> Segment:
    actual, scores = judgement.actual[rows], judgement.ours[rows]
    observed, predicted = float(actual.mean()), float(scores.mean())
    bias, error = _bias(judgement, actual, scores)
    if len(rows) < FEWEST_ROWS:
        return Segment(name, len(rows), observed, predicted, bias)
    drawn = bootstrap({"": _scorer(judgement, rows)}, len(rows), _RESAMPLES, seed)[""]
    faults, by_chance = [], float("nan")
    least = -1.0 if judgement.task == "value" else 0.0
    metrics = {name: _estimate(drawn[name], least) for name in _judged(judgement, actual)}
    if _misses_more(judgement, bias, error, limit):
        faults.append(_level(judgement, observed, predicted, bias))
    if judgement.task == "churn":
        by_chance, spread = calibration_error_by_chance(scores)
        beyond = metrics["ece"].value - whole["ece"] - by_chance
        if beyond > limit * spread and beyond >= _LEAST_ECE:
            faults.append(
                f"less well calibrated than the whole: ECE {metrics['ece'].value:.3f} against "
                f"{whole['ece']:.3f}, {by_chance:.3f} of it by chance"
            )
    ranked_worse = any(
        _ranked_worse(drawn[name], whole[name], limit, short)
        for name, short in _LEAST_RANKING.items()
        if name in metrics
    )
    return Segment(
        name, len(rows), observed, predicted, bias, metrics, by_chance, tuple(faults), ranked_worse
    )


def _judged(judgement: Judgement, actual: Floats) -> list[str]:
    """Return the metrics that can be judged with these customers."""
    if judgement.task == "value":
        return ["normalised_gini"]
    rarer = min(actual.sum(), len(actual) - actual.sum())
    return ["roc_auc", "ece"] if rarer >= _FEWEST_OF_AN_OUTCOME else ["ece"]


def _bias(judgement: Judgement, actual: Floats, scores: Floats) -> tuple[Estimate, float]:
    """Return predicted less observed, with its interval and standard error.

    Value is relative to the observed mean or, where that is zero, to the predicted one.
    """
    gaps = scores - actual
    scale = 1.0
    if judgement.task == "value":
        scale = float(abs(actual.mean()) or abs(scores.mean()))
    if scale == 0 or len(gaps) < 2:
        return Estimate(float("nan"), float("nan"), float("nan")), float("nan")
    value, error = float(gaps.mean()) / scale, float(gaps.std(ddof=1)) / len(gaps) ** 0.5 / scale
    return _normal(value, error), error


def _misses_more(judgement: Judgement, bias: Estimate, error: float, limit: float) -> bool:
    """Return whether the level is missed by clearly more than overall, or the other way."""
    whole, _ = _bias(judgement, judgement.actual, judgement.ours)
    shared = abs(whole.value) if whole.value * bias.value > 0 else 0.0
    beyond = abs(bias.value) - shared
    return bool(beyond > limit * error and beyond >= _LEAST_GAP[judgement.task])


def _ranked_worse(drawn: Resampled, whole: float, limit: float, least: float) -> bool:
    short = whole - drawn.value
    return bool(short > limit * np.nanstd(drawn.draws) and short >= least)


def _estimate(drawn: Resampled, least: float) -> Estimate:
    """Return a metric with a normal interval, kept within what it can be."""
    found = _normal(drawn.value, float(np.nanstd(drawn.draws)))
    return Estimate(found.value, max(found.low, least), min(found.high, 1.0))


def _normal(value: float, error: float) -> Estimate:
    half_width = 1.96 * error
    return Estimate(value, value - half_width, value + half_width)


def _level(judgement: Judgement, observed: float, predicted: float, bias: Estimate) -> str:
    direction = "overstated" if bias.value > 0 else "understated"
    if judgement.task == "churn":
        return (
            f"predicted {100 * predicted:.0f} %, observed {100 * observed:.0f} %: churn is "
            f"{direction} by {100 * abs(bias.value):.0f} points"
        )
    money = judgement.currency
    return (
        f"predicted {predicted:,.2f} {money} a customer, observed {observed:,.2f}: value is "
        f"{direction} by {100 * abs(bias.value):.0f} %"
    )


def fault_sentences(tables: tuple[SegmentTable, ...]) -> list[str]:
    """Return one sentence a segment with faults."""
    return [
        f"{plain(table.group)}: {plain(segment.name)} ({segment.n:,} customers): "
        f"{'; '.join(segment.faults)}."
        for table in tables
        for segment in table.segments
        if segment.faults
    ]


def ranking_sentences(tables: tuple[SegmentTable, ...]) -> list[str]:
    """Return one sentence on the segments that are ranked less well than all, if there are.

    It names the worst; the tables show which others.
    """
    worse = sorted(
        (segment.metrics[metric].value, plain(table.group), plain(segment.name), word)
        for table in tables
        for segment in table.segments
        for metric, word in _RANKING_WORDS.items()
        if segment.ranked_worse and metric in segment.metrics
    )
    if not worse:
        return []
    named = [f"{group}: {name} ({word} {value:.3f})" for value, group, name, word in worse]
    if others := named[_MOST_NAMED:]:
        named = [*named[:_MOST_NAMED], counted(len(others), "other")]
    return [
        f"Ranked clearly less well than all customers: {listed(named)}. Customers who are alike "
        "are harder to tell apart; rely on the order of scores less within these segments."
    ]
