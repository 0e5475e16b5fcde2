"""Segments: RFM segments, value tiers, stages of the life cycle, behavioural clusters.

Cut-points are frozen with a model, so that a segment means the same from one day to the next. A
customer near a cut-point does not go back and forth: it must be passed by a margin.
"""

from models.bundle.schema import RFM_SEGMENTS, STAGES, TIERS
from models.segments.bank import BANK_TIERS, BankCuts, bank_tier
from models.segments.clusters import BehaviourClusters
from models.segments.cut_points import TIER_SHARES, CutPoints
from models.segments.rfm import rfm_scores, rfm_segment
from models.segments.segmentation import Segmentation
from models.segments.stages import life_stage
from models.segments.tiers import value_tier

__all__ = [
    "BANK_TIERS",
    "RFM_SEGMENTS",
    "STAGES",
    "TIERS",
    "TIER_SHARES",
    "BankCuts",
    "BehaviourClusters",
    "CutPoints",
    "Segmentation",
    "bank_tier",
    "life_stage",
    "rfm_scores",
    "rfm_segment",
    "value_tier",
]
