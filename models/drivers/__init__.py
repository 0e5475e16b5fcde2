"""Why customers leave, from three sources kept apart: the score, what they said, experiments."""

from models.drivers.attribution import churn_drivers
from models.drivers.families import FamilyEffects, family_effects
from models.drivers.reasons import ChurnReasons, churn_reasons
from models.drivers.stated import stated_among_churners, stated_reasons
from models.drivers.tested import grade_trials, randomised_causes

__all__ = [
    "ChurnReasons",
    "FamilyEffects",
    "churn_drivers",
    "churn_reasons",
    "family_effects",
    "grade_trials",
    "randomised_causes",
    "stated_among_churners",
    "stated_reasons",
]
