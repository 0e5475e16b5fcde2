"""The recommenders whose candidates the two-stage model orders."""

from __future__ import annotations

from typing import Final

from models.recommend.contract import Recommender
from models.recommend.ease import Ease
from models.recommend.frequency import Frequency
from models.recommend.neighbours import Neighbours
from models.recommend.personal import Personal
from models.recommend.popular import Popular
from models.recommend.repurchase import Repurchase
from models.recommend.stages import Stages
from models.recommend.transitions import Transitions

IMPERSONAL: Final = frozenset({Popular.name, Stages.name})
"""Sources that give many customers the same list: what only they name is not personal."""


def ranked_sources() -> list[Recommender]:
    """Return the default sources, unfitted."""
    return [
        Frequency(),
        Personal(),
        Repurchase(),
        Neighbours(nearest=200),
        Transitions(),
        Ease(max_products=5_000),
        Stages(),
        Popular(),
    ]
