"""Columns of shown items and their outcomes, beside those of the vocabulary."""

from __future__ import annotations

from typing import Final


class OutcomeColumns:
    """Names used by every frame of decisions and outcomes."""

    # Of the answer
    DECISION_ID: Final = "decision_id"
    KIND: Final = "kind"
    MODEL_VERSION: Final = "model_version"
    VARIANT: Final = "variant"

    # Of one item of it
    PLACEMENT: Final = "placement"
    RANK: Final = "rank"
    ACTION: Final = "action"
    NAMED_MARGIN: Final = "named_margin"

    # Of the item that was drawn to come first in its placement
    PROPENSITY: Final = "propensity"
    CHOICE: Final = "choice"

    # Its outcome
    CLICKED_AT: Final = "clicked_at"
    REJECTED_AT: Final = "rejected_at"
    ACCEPTED: Final = "accepted"
    EARNED: Final = "earned"
    IS_OVER: Final = "is_over"
