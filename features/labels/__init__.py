"""Labels at the same cutoffs as the vectors: what happened in ``[as_of, as_of + horizon)``.

Every label function takes all cutoffs at once and the customers share by share. Records that
reached the shop's systems late still count: labels say what happened, not what was known.
"""

from features.labels.churn_value import build_labels, build_labels_at_horizons
from features.labels.contractual import (
    GRACE_DAYS,
    build_contract_labels,
    build_contract_labels_at_horizons,
)
from features.labels.horizon import HORIZONS_DAYS, order_gaps_days, suggest_horizon_days
from features.labels.offers import offer_responses
from features.labels.products import known_purchases, next_products, purchases_in_horizon
from features.labels.surveys import next_survey_scores

__all__ = [
    "GRACE_DAYS",
    "HORIZONS_DAYS",
    "build_contract_labels",
    "build_contract_labels_at_horizons",
    "build_labels",
    "build_labels_at_horizons",
    "known_purchases",
    "next_products",
    "next_survey_scores",
    "offer_responses",
    "order_gaps_days",
    "purchases_in_horizon",
    "suggest_horizon_days",
]
