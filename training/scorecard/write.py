"""The scorecard as files: a page for people, and JSON for machines beside it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from models.metrics.bootstrap import Estimate
from models.metrics.classification import calibration_bins
from models.metrics.profit import expected_maximum_profit
from models.metrics.survival import kaplan_meier
from models.metrics.value import decile_means
from training.scorecard.judgement import Judgement
from training.scorecard.measure import Scorecard
from training.scorecard.page import scorecard_page
from training.scorecard.pictures import draw

PAGE, DATA = "scorecard.html", "scorecard.json"


def scorecard_files(card: Scorecard, made_at: datetime) -> dict[str, str]:
    """Return the page and the JSON by file name; ``made_at`` is naive UTC."""
    return {
        PAGE: scorecard_page(card, draw(card.judgement), made_at),
        DATA: json.dumps(_as_json(card), indent=1) + "\n",
    }


def _as_json(card: Scorecard) -> dict[str, Any]:
    """Return everything on the page as JSON values; undefined numbers are null."""
    judgement = card.judgement
    return {
        "task": judgement.task,
        "model": judgement.model,
        "baselines": judgement.baselines,
        "customers": len(judgement.actual),
        "currency": judgement.currency,
        "definition": dict(judgement.definition),
        "notes": list(judgement.notes),
        "resamples": card.resamples,
        "findings": [asdict(finding) for finding in card.findings],
        "metrics": {
            row.metric.name: {
                "better": row.metric.goal if isinstance(row.metric.goal, str) else None,
                "right_at": row.metric.goal if isinstance(row.metric.goal, float) else None,
                "models": _estimates(row.estimates),
                "against": {
                    c.baseline: {"difference": _estimate(c.difference), "result": c.result}
                    for c in row.comparisons
                },
                "verdict": row.verdict,
            }
            for row in card.rows
        },
        "segments": {
            table.group: [
                {
                    "name": segment.name,
                    "customers": segment.n,
                    "observed": segment.observed,
                    "predicted": segment.predicted,
                    "bias": _estimate(segment.bias),
                    "metrics": _estimates(segment.metrics),
                    "ece_by_chance": _finite(segment.ece_by_chance),
                    "faults": list(segment.faults),
                    "ranked_worse": segment.ranked_worse,
                }
                for segment in table.segments
            ]
            for table in card.segments
        },
        **_curves(judgement),
        **_over_time(judgement),
    }


def _curves(judgement: Judgement) -> dict[str, Any]:
    """Return the figures behind the plots that a machine may want to draw itself."""
    actual, scores = judgement.actual, judgement.ours
    if judgement.task == "value":
        predicted, observed = decile_means(actual, scores)
        return {"deciles": {"predicted": predicted.tolist(), "actual": observed.tolist()}}
    predicted, observed, share = calibration_bins(actual, scores)
    profit, contacted = expected_maximum_profit(actual, scores, judgement.campaign)
    return {
        "calibration": {
            "predicted": predicted.tolist(),
            "observed": observed.tolist(),
            "share": share.tolist(),
        },
        "campaign": {
            **asdict(judgement.campaign),
            "expected_maximum_profit": profit,
            "share_to_contact": contacted,
        },
    }


def _over_time(judgement: Judgement) -> dict[str, Any]:
    """Return the data of the plots over time that the judgement has."""
    found: dict[str, Any] = {}
    if judgement.tracking is not None:
        tracking = judgement.tracking
        found["tracking"] = {
            "days": tracking.days.tolist(),
            "actual": tracking.actual.tolist(),
            "expected": {name: curve.tolist() for name, curve in tracking.expected.items()},
        }
    if judgement.survival is not None:
        survival = judgement.survival
        actual = kaplan_meier(survival.duration_days, survival.ordered)
        found["survival"] = {
            "kaplan_meier": {
                "days": actual.days.tolist(),
                "survival": actual.survival.tolist(),
            },
            "days": survival.days.tolist(),
            "expected": {name: curve.tolist() for name, curve in survival.expected.items()},
        }
    for name, table in (("cohorts", judgement.cohorts), ("movement", judgement.movement)):
        if table is not None:
            found[name] = {
                str(row): {str(column): _finite(float(cell)) for column, cell in cells.items()}
                for row, cells in table.iterrows()
            }
    return found


def _estimates(found: Mapping[str, Estimate]) -> dict[str, Any]:
    return {name: _estimate(estimate) for name, estimate in found.items()}


def _estimate(found: Estimate) -> dict[str, float | None]:
    return {name: _finite(value) for name, value in asdict(found).items()}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
