"""How one trained job is judged, and shown on one page: metrics with intervals, plots, segments.

A job fills a :class:`Judgement` with plain arrays; :func:`judge_model` turns it into figures and
:func:`scorecard_files` into a page for people and JSON for machines.
"""

from training.scorecard.judgement import (
    Contributions,
    Intervals,
    Judgement,
    OrderTracking,
    PurchaseMatrices,
    Quantiles,
    Survival,
)
from training.scorecard.measure import Scorecard, judge_model
from training.scorecard.pictures import Picture, draw
from training.scorecard.write import scorecard_files

__all__ = [
    "Contributions",
    "Intervals",
    "Judgement",
    "OrderTracking",
    "Picture",
    "PurchaseMatrices",
    "Quantiles",
    "Scorecard",
    "Survival",
    "draw",
    "judge_model",
    "scorecard_files",
]
