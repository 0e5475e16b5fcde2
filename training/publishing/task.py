"""The input of scoring and publishing, in one value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from features.engine import Engine
from features.prepare import Prepared
from features.settings import ShopSettings
from training.publishing.champions import Champions


@dataclass(frozen=True, eq=False)
class ScoringTask:
    """A shop, its champions, and the day to score its customers as of.

    Attributes
    ----------
    engine, prepared
        The shop's checked and rolled-up data, and the engine that reads it.
    champions
        The models that score.
    as_of
        Nothing on or after this day is known.
    """

    engine: Engine
    prepared: Prepared
    champions: Champions
    shop: ShopSettings
    as_of: date
