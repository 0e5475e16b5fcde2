"""Run a training job by name, with the horizons, windows and rows that it needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial

import pandas as pd

from features.engine import Engine
from features.labels import order_gaps_days, suggest_horizon_days
from features.prepare import Prepared
from features.progress import Progress
from features.settings import ShopSettings
from models.boosting import BoostingParameters
from training.churn import train_churn
from training.contracts import train_contracts
from training.curves import CurveCache
from training.dataset import Table, build_table, horizons_up_to, split_by_time
from training.recommend.job import train_recommend
from training.report import JobReport
from training.settings import TrainingSettings
from training.tuning import tune
from training.uplift.job import train_uplift
from training.uplift.report import uplift_report
from training.value import train_value
from training.windows import Windows, plan_windows, teachable_horizon_days


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
    asked, history = settings.value_horizon_days, (as_of - prepared.first_day).days
    longest = teachable_horizon_days(history, shop.lookback_days)
    if asked <= longest or shop.lookback_days + 2 * asked <= history:
        evidence = f"{history:,} days of history can teach it"
        return Horizons(churn, churn_evidence, asked, evidence)
    evidence = (
        f"{history:,} days of history can teach {longest}; "
        "from there on it is extrapolated by BG/NBD"
    )
    return Horizons(churn, churn_evidence, longest, evidence, asked)


def run_job(
    job: str,
    engine: Engine,
    prepared: Prepared,
    shop: ShopSettings,
    settings: TrainingSettings,
    horizons: Horizons,
    as_of: date,
    progress: Progress,
    table: Table | None = None,
    boosting: BoostingParameters | None = None,
    curves: CurveCache | None = None,
) -> JobReport:
    """Train one job on what was known before ``as_of``, without recording it.

    Parameters
    ----------
    job
        ``churn``, ``value``, ``recommend`` or ``uplift``.
    table
        From :func:`shared_table`, so that churn and value need not build their vectors twice.
    boosting
        Hyperparameters of churn and value, if not the defaults.
    curves
        Shared by jobs on one table, so that a curve that both need is fitted once.
    """
    if job == "churn" and settings.churn == "contracts":
        return train_contracts(
            engine, prepared, settings, horizons.churn_days, as_of, progress, boosting
        )
    churn_plan, value_plan = _plans(prepared, settings, horizons, as_of)
    if job == "recommend":
        return train_recommend(engine, prepared, settings, churn_plan(), progress)
    if job == "uplift":
        days = settings.response_days or horizons.churn_days
        found = train_uplift(
            engine, prepared, as_of, progress, response_days=days, seed=settings.seed
        )
        return uplift_report(found)
    if table is None:
        table = shared_table(engine, prepared, shop, settings, horizons, as_of, progress, (job,))
    if job == "churn":
        return train_churn(
            engine, prepared, shop, settings, churn_plan(), progress, table, boosting, curves
        )
    return train_value(
        engine, prepared, shop, settings, value_plan(), progress, table, boosting, curves,
        horizons.extrapolated_to_days,
    )  # fmt: skip


def tune_job(
    job: str,
    prepared: Prepared,
    shop: ShopSettings,
    settings: TrainingSettings,
    horizons: Horizons,
    as_of: date,
    table: Table,
    trials: int,
    progress: Progress,
) -> tuple[BoostingParameters, pd.DataFrame]:
    """Search hyperparameters for churn or value on windows before the test; see :func:`tune`.

    Both are judged by P(buys) at the job's own horizon; value's amounts are boosted with the same
    ones.
    """
    churn_plan, value_plan = _plans(prepared, settings, horizons, as_of)
    windows = churn_plan() if job == "churn" else value_plan()
    tick = progress(f"Recipes for {job}", trials)
    return tune(split_by_time(table, windows, shop), trials, settings.seed, lambda _: tick())


def shared_table(
    engine: Engine,
    prepared: Prepared,
    shop: ShopSettings,
    settings: TrainingSettings,
    horizons: Horizons,
    as_of: date,
    progress: Progress,
    jobs: tuple[str, ...] = ("churn", "value"),
) -> Table:
    """Build once what the churn and value jobs learn from, with every horizon of both."""
    churn_plan, value_plan = _plans(prepared, settings, horizons, as_of)
    wanted = {"churn": churn_plan, "value": value_plan}
    plans = [plan() for job, plan in wanted.items() if job in jobs]
    over = horizons_up_to(horizons.churn_days, horizons.value_days)
    return build_table(engine, prepared, shop, plans, over, progress)


def _plans(
    prepared: Prepared, settings: TrainingSettings, horizons: Horizons, as_of: date
) -> tuple[Callable[[], Windows], Callable[[], Windows]]:
    """Return functions that plan the windows of churn and of value.

    Functions, because a history may be too short for one of the two.
    """

    def windows(horizon_days: int) -> Windows:
        return plan_windows(
            prepared.first_day,
            as_of,
            horizon_days,
            step_days=settings.step_days,
            warm_up_days=settings.warm_up_days,
        )

    return partial(windows, horizons.churn_days), partial(windows, horizons.value_days)
