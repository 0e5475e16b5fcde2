"""Words for numbers: RFM segments, value tiers, stages of the life cycle, behavioural clusters.

Cut-points are frozen with a model, so that a word means the same from one day to the next, and
who hovers at one does not go back and forth: a customer moves only when past it by a margin.
"""

from models.segments.bank import BANK_TIERS, BankCuts, bank_tier
from models.segments.clusters import BehaviourClusters
from models.segments.cut_points import TIER_SHARES, CutPoints
from models.segments.rfm import RFM_SEGMENTS, rfm_scores, rfm_segment
from models.segments.segmentation import Segmentation
from models.segments.stages import STAGES, life_stage
from models.segments.tiers import TIERS, value_tier

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
