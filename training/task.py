"""The input of every training job, in one value."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from features.engine import Engine
from features.prepare import Prepared
from features.progress import Progress, silent
from features.settings import ShopSettings
from models.boosting import BoostingParameters
from training.curves import CurveCache
from training.horizons import Horizons
from training.settings import TrainingSettings
from training.table import TrainingTable
from training.windows import Windows, plan_windows


@dataclass(frozen=True, eq=False)
class TrainingTask:
    """A shop, the day to train it as of, and what jobs share; a job takes it and nothing else.

    Attributes
    ----------
    engine, prepared
        The shop's checked and rolled-up data, and the engine that reads it.
    shop, settings
        The settings of the shop and of its training.
    horizons
        From :func:`training.horizons.choose_horizons`.
    as_of
        Nothing on or after this day is known.
    progress
        Shows each stage of the work.
    tuned
        Hyperparameters from :func:`training.run.tune_job`; None for the defaults.
    table
        From :func:`training.run.with_shared_table`, so that churn and value need not build their
        vectors twice; None if each is to build its own.
    curves
        Filled by the jobs that share ``table``, so that a curve that both need is fitted once.
    """

    engine: Engine
    prepared: Prepared
    shop: ShopSettings
    settings: TrainingSettings
    horizons: Horizons
    as_of: date
    progress: Progress = silent
    tuned: BoostingParameters | None = None
    table: TrainingTable | None = None
    curves: CurveCache = field(default_factory=CurveCache)

    @property
    def boosting(self) -> BoostingParameters:
        """Hyperparameters of churn and value."""
        return self.tuned or BoostingParameters(seed=self.settings.seed)

    @property
    def response_days(self) -> int:
        """Days from a contact within which an order is its response."""
        return self.settings.response_days or self.horizons.churn_days

    def windows(self, horizon_days: int) -> Windows:
        """Plan the cutoffs of a job with this horizon.

        Raises
        ------
        TrainingError
            The history is too short for it.
        """
        return plan_windows(
            self.prepared.first_day,
            self.as_of,
            horizon_days,
            step_days=self.settings.step_days,
            warm_up_days=self.settings.warm_up_days,
        )
