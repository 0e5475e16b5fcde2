"""Findings in plain words: where the scores can be relied on and where they cannot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import ndtri

from models.metrics.catalogue import say
from models.metrics.classification import calibration_bins
from models.metrics.profit import Campaign, expected_maximum_profit
from training.scorecard.judgement import Judgement
from training.scorecard.segments import SegmentTable, fault_sentences, ranking_sentences
from training.scorecard.table import MetricRow, listed

_LEAST_CHURN_GAP, _LEAST_BIAS, _LEAST_BIN_GAP = 0.02, 0.05, 0.05
_LEAST_SLOPE_GAP, _LEAST_COVERAGE_GAP = 0.1, 0.02
_CHANCE = 0.05
_ORDER = ("warning", "good", "note")


@dataclass(frozen=True)
class Finding:
    """One sentence, and whether it is good news or a warning."""

    tone: Literal["good", "note", "warning"]
    text: str


def find(
    judgement: Judgement, rows: Sequence[MetricRow], segments: tuple[SegmentTable, ...]
) -> tuple[Finding, ...]:
    """Return all findings, warnings first."""
    by_name = {row.metric.name: row for row in rows}
    if judgement.task == "churn":
        found = [
            _churn_level(judgement),
            *_slope(judgement, by_name["calibration_slope"]),
            *_bins(judgement),
            _ahead(judgement, by_name["roc_auc"]),
            _campaign(judgement),
        ]
    else:
        found = [
            _value_level(judgement, by_name["total_bias"]),
            *_coverage(judgement, by_name.get("interval_coverage")),
            _ahead(judgement, by_name["normalised_gini"]),
        ]
    found += [Finding("warning", sentence) for sentence in fault_sentences(segments)]
    found += [Finding("note", sentence) for sentence in ranking_sentences(segments)]
    return tuple(sorted(found, key=lambda finding: _ORDER.index(finding.tone)))


def _churn_level(judgement: Judgement) -> Finding:
    actual, scores = judgement.actual, judgement.ours
    observed, predicted = actual.mean(), scores.mean()
    gap, half_width = predicted - observed, _half_width(scores - actual)
    level = f"Predicted {100 * predicted:.0f} %, observed {100 * observed:.0f} %"
    if abs(gap) > half_width and abs(gap) >= _LEAST_CHURN_GAP:
        direction = "overstated" if gap > 0 else "understated"
        return Finding(
            "warning",
            f"{level}: churn is {direction} by {100 * abs(gap):.0f} points, more than chance "
            f"explains (95 % {100 * (abs(gap) - half_width):.1f} to "
            f"{100 * (abs(gap) + half_width):.1f}). The test window differs from those that were "
            "learned from, or calibration has drifted: use the ranking, and do not read these "
            "scores as probabilities until they are recalibrated.",
        )
    return Finding(
        "good",
        f"{level}: the level of churn is right on the test window (gap {100 * gap:+.1f} points, "
        f"95 % {100 * (gap - half_width):+.1f} to {100 * (gap + half_width):+.1f}).",
    )


def _slope(judgement: Judgement, row: MetricRow) -> list[Finding]:
    slope = row.estimates[judgement.model]
    off = slope.high < 1 or slope.low > 1
    if not off or abs(slope.value - 1) < _LEAST_SLOPE_GAP:
        return []
    kind = (
        "too extreme: high scores are too high and low ones too low"
        if slope.value < 1
        else "too cautious: high scores are too low and low ones too high"
    )
    bounds = f"slope {slope.value:.2f}, 95 % {slope.low:.2f} to {slope.high:.2f}"
    return [Finding("warning", f"Scores are {kind} ({bounds}).")]


def _bins(judgement: Judgement) -> list[Finding]:
    """Name the tenth of customers with the largest error, if it is more than chance."""
    predicted, observed, share = calibration_bins(judgement.actual, judgement.ours)
    n = np.maximum(share * len(judgement.actual), 1.0)
    errors = np.sqrt(np.maximum(predicted * (1 - predicted), 1e-9) / n)
    gaps = predicted - observed
    limit = float(ndtri(1 - _CHANCE / (2 * len(gaps))))
    off = (np.abs(gaps) > limit * errors) & (np.abs(gaps) >= _LEAST_BIN_GAP)
    if not off.any():
        return []
    worst = int(np.argmax(np.abs(gaps) * off))
    return [
        Finding(
            "warning",
            f"Of {len(gaps)} equal groups by score, {off.sum()} missed the observed rate by more "
            f"than chance; the worst is group {worst + 1}, counted from the lowest scores: "
            f"predicted {100 * predicted[worst]:.0f} %, observed {100 * observed[worst]:.0f} %.",
        )
    ]


def _ahead(judgement: Judgement, row: MetricRow) -> Finding:
    ours = row.estimates[judgement.model]
    figure = f"{row.metric.title} {ours.value:.3f} (95 % {ours.low:.3f} to {ours.high:.3f})"
    if worse := row.baselines("worse"):
        return Finding("warning", f"{figure}: worse than {listed(worse)} by more than chance.")
    if unclear := row.baselines("inconclusive", "undefined"):
        return Finding("warning", f"{figure}: not clearly better than {listed(unclear)}.")
    if not row.comparisons:
        return Finding("warning", f"{figure}: there is no baseline to compare with.")
    return Finding("good", f"{figure}: better than every baseline by more than chance.")


def _campaign(judgement: Judgement) -> Finding:
    campaign = judgement.campaign
    money = f" {judgement.currency}" if judgement.currency else ""
    profit, share = expected_maximum_profit(judgement.actual, judgement.ours, campaign)
    whose = "textbook figures, not the shop's own: " if campaign == Campaign() else ""
    return Finding(
        "note",
        f"A retention campaign would contact {100 * share:.0f} % and earn {profit:,.2f}{money} "
        f"per customer scored ({whose}a customer is worth {campaign.clv:g}, the incentive costs "
        f"{campaign.incentive:g}, a contact {campaign.contact_cost:g}, and "
        f"{100 * campaign.mean_acceptance:.0f} % of those leaving accept). It assumes that scores "
        "show who can be retained, which only a held-out group can prove.",
    )


def _value_level(judgement: Judgement, row: MetricRow) -> Finding:
    bias = row.estimates[judgement.model]
    predicted, observed = judgement.ours.sum(), judgement.actual.sum()
    level = f"Predicted {predicted:,.0f} {judgement.currency} in total, observed {observed:,.0f}"
    bounds = f"{say(row.metric, bias.low, '', signed=True)} to " + say(
        row.metric, bias.high, "", signed=True
    )
    if (bias.low > 0 or bias.high < 0) and abs(bias.value) >= _LEAST_BIAS:
        direction = "overstated" if bias.value > 0 else "understated"
        return Finding(
            "warning",
            f"{level}: value is {direction} by {100 * abs(bias.value):.0f} %, more than chance "
            f"explains (95 % {bounds}). A plan that adds up these scores would be off by as much.",
        )
    return Finding("good", f"{level}: the total is right within chance (95 % {bounds}).")


def _coverage(judgement: Judgement, row: MetricRow | None) -> list[Finding]:
    if row is None or judgement.model not in row.estimates or isinstance(row.metric.goal, str):
        return []
    coverage, nominal = row.estimates[judgement.model], row.metric.goal
    figure = (
        f"{100 * nominal:.0f} % intervals covered {100 * coverage.value:.1f} % of the outcomes "
        f"(95 % {100 * coverage.low:.1f} to {100 * coverage.high:.1f})"
    )
    off = coverage.high < nominal or coverage.low > nominal
    if off and abs(coverage.value - nominal) >= _LEAST_COVERAGE_GAP:
        kind = "too narrow" if coverage.value < nominal else "wider than necessary"
        return [Finding("warning", f"{figure}: they are {kind}.")]
    return [Finding("good", f"{figure}: as intended.")]


def _half_width(gaps: np.ndarray) -> float:
    """Return half the 95 % interval of a mean."""
    return float(1.96 * gaps.std() / np.sqrt(len(gaps)))
