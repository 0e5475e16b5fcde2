"""The horizons of churn and value: as set, or as the shop's history suggests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from features.engine import Engine
from features.labels import order_gaps_days, suggest_horizon_days
from features.prepare import Prepared
from features.settings import ShopSettings
from training.settings import TrainingSettings
from training.windows import teachable_horizon_days


@dataclass(frozen=True)
class Horizons:
    """The horizons of churn and value, each with the evidence for it in words.

    Attributes
    ----------
    value_days
        Horizon over which value is learned.
    extrapolated_to_days
        Longer horizon to which value is extrapolated, if the history is too short to learn it.
    """

    churn_days: int
    churn_evidence: str
    value_days: int
    value_evidence: str
    extrapolated_to_days: int | None = None

    @property
    def value_reach_days(self) -> int:
        """Horizon over which value is stated, learned or extrapolated."""
        return self.extrapolated_to_days or self.value_days


def choose_horizons(
    engine: Engine,
    prepared: Prepared,
    shop: ShopSettings,
    settings: TrainingSettings,
    as_of: date,
) -> Horizons:
    """Take the horizons from the settings, or else choose them from the data before ``as_of``."""
    churn, churn_evidence = settings.horizon_days, "set in training.horizon_days"
    if churn is None:
        churn, churn_evidence = suggest_horizon_days(
            order_gaps_days(engine, prepared.rollups, as_of)
        )
    wanted, history = settings.value_horizon_days, (as_of - prepared.first_day).days
    longest = teachable_horizon_days(history, shop.lookback_days)
    if wanted <= longest or shop.lookback_days + 2 * wanted <= history:
        evidence = f"{history:,} days of history can teach it"
        return Horizons(churn, churn_evidence, wanted, evidence)
    evidence = (
        f"{history:,} days of history can teach {longest}; "
        "from there on it is extrapolated by BG/NBD"
    )
    return Horizons(churn, churn_evidence, longest, evidence, wanted)
