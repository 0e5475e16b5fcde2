"""Run jobs end to end: train, track, register, judge, promote."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Literal

import pandas as pd

from features.engine import Engine
from features.labels import order_gaps_days, suggest_horizon_days
from features.prepare import Prepared
from features.progress import Progress
from features.settings import ShopSettings
from models import registry
from models.boosting import BoostingParameters
from models.registry import Client, RegisteredModel
from training.champions import model_name, readable_champion
from training.churn import train_churn
from training.contracts import train_contracts
from training.curves import Curves
from training.dataset import Table, build_table, horizons_up_to, split_by_time
from training.gate import Verdict, judge
from training.recommend import train_recommend
from training.report import Floats, JobReport
from training.scorecard import judge_model, scorecard_files
from training.settings import TrainingSettings
from training.tracking import track
from training.tuning import tune
from training.uplift import train_uplift
from training.uplift_report import uplift_report
from training.value import train_value
from training.windows import Windows, plan_windows, teachable_horizon_days

# What makes two models answers to the same question.
_QUESTION = (
    "label",
    "truth",
    "horizon_days",
    "extrapolated_to_days",
    "window_days",
    "population",
    "currency",
    "discount_rate",
    "margin_rate_where_cost_unknown",
)


@dataclass(frozen=True)
class Horizons:
    """The horizons in force, each with the evidence for it.

    Attributes
    ----------
    value_days
        What value is learned over.
    extrapolated_to_days
        What it is extrapolated to, where that is longer than the history can teach.
    """

    churn_days: int
    churn_evidence: str
    value_days: int
    value_evidence: str
    extrapolated_to_days: int | None = None

    @property
    def value_reach_days(self) -> int:
        """What value is stated over."""
        return self.extrapolated_to_days or self.value_days


@dataclass(frozen=True)
class Outcome:
    """One finished job: what it found, where it is kept, and what became of it.

    Attributes
    ----------
    standing
        ``promoted`` to champion; accepted as a ``backtest``, for scores of its own day, since
        the champion has learned from later ones; or ``kept`` aside.
    """

    report: JobReport
    registered: RegisteredModel
    verdict: Verdict
    standing: Literal["promoted", "backtest", "kept"]
    run_id: str


def choose_horizons(
    engine: Engine,
    prepared: Prepared,
    shop: ShopSettings,
    settings: TrainingSettings,
    as_of: date,
) -> Horizons:
    """Take the horizons from the settings, else from the data before ``as_of``."""
    churn, churn_evidence = settings.horizon_days, "set in training.horizon_days"
    if churn is None:
        churn, churn_evidence = suggest_horizon_days(
            order_gaps_days(engine, prepared.rollups, as_of)
        )
    asked, history = settings.value_horizon_days, (as_of - prepared.first_day).days
    taught = teachable_horizon_days(history, shop.lookback_days)
    if asked <= taught or shop.lookback_days + 2 * asked <= history:
        evidence = f"{history:,} days of history can teach it"
        return Horizons(churn, churn_evidence, asked, evidence)
    evidence = (
        f"{history:,} days of history can teach {taught}; "
        "from there on it is extrapolated by BG/NBD"
    )
    return Horizons(churn, churn_evidence, taught, evidence, asked)


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
    curves: Curves | None = None,
) -> JobReport:
    """Train one job on what was known before ``as_of``; nothing is recorded.

    Parameters
    ----------
    table
        From :func:`shared_table`, so that churn and value need not build their vectors twice.
    boosting
        Another recipe than the default, for churn and value.
    curves
        Kept from job to job on one table, so that what both would learn is learned once.
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
    """Search a recipe for churn or value on windows before the test; see :func:`tune`.

    Both recipes are judged by the chance to buy at the job's own horizon: value's amounts are
    boosted by the same one.
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
    """Build what the churn and value jobs learn from, once; every horizon of both is in it."""
    churn_plan, value_plan = _plans(prepared, settings, horizons, as_of)
    wanted = {"churn": churn_plan, "value": value_plan}
    plans = [plan() for job, plan in wanted.items() if job in jobs]
    over = horizons_up_to(horizons.churn_days, horizons.value_days)
    return build_table(engine, prepared, shop, plans, over, progress)


def _plans(
    prepared: Prepared, settings: TrainingSettings, horizons: Horizons, as_of: date
) -> tuple[Callable[[], Windows], Callable[[], Windows]]:
    """Return the makers of both jobs' windows: a history may suffice for one of them alone."""

    def windows(horizon_days: int) -> Windows:
        return plan_windows(
            prepared.first_day,
            as_of,
            horizon_days,
            step_days=settings.step_days,
            warm_up_days=settings.warm_up_days,
        )

    return partial(windows, horizons.churn_days), partial(windows, horizons.value_days)


def record(
    client: Client,
    report: JobReport,
    mlruns: Path,
    shop: ShopSettings,
    data_fingerprint: str,
    made_at: datetime,
) -> Outcome:
    """Track a report, register its model, let the gate judge it, and promote or keep it.

    Parameters
    ----------
    made_at
        Naive UTC, as the scorecard page says it.
    """
    name = model_name(shop.name, report.name)
    champion = readable_champion(client, name)
    is_backtest = champion is not None and learned_until(champion) > report.as_of
    comparable = None if is_backtest else champion
    champion_says = None if comparable is None else _on_same_window(comparable, report)
    verdict = judge(
        report.contest,
        report.name,
        champion_says,
        has_champion=comparable is not None,
        champion_is_older=champion is not None and _is_older(champion, report, data_fingerprint),
    )
    pages = (
        {} if report.judgement is None else scorecard_files(judge_model(report.judgement), made_at)
    )
    run_id, folder = track(client, report, mlruns, shop.name, data_fingerprint, pages)
    registered = registry.register(client, name, run_id, folder)
    if not verdict.promote:
        registry.keep(client, registered, verdict.reason)
        return Outcome(report, registered, verdict, "kept", run_id)
    if is_backtest:
        registry.accept_backtest(client, registered, verdict.reason)
        return Outcome(report, registered, verdict, "backtest", run_id)
    registry.promote(client, registered, verdict.reason)
    return Outcome(report, registered, verdict, "promoted", run_id)


def learned_until(model: RegisteredModel) -> date:
    """Return the first day that a model knows nothing of."""
    return date.fromisoformat(model.card["as_of"])


def _is_older(champion: RegisteredModel, report: JobReport, data_fingerprint: str) -> bool:
    """Whether the challenger has learned from later days, or from other records up to the same."""
    if learned_until(champion) == report.as_of:
        return bool(champion.card["data_fingerprint"] != data_fingerprint)
    return learned_until(champion) < report.as_of


def _on_same_window(champion: RegisteredModel, report: JobReport) -> Floats | None:
    """Let the champion predict the challenger's test window.

    Its full model where that had learned nothing of the window, else the one that was judged;
    neither where even that had seen some of the outcomes, or another question was asked.
    """
    theirs, ours = champion.card["definition"], report.definition
    if any(theirs.get(name) != ours.get(name) for name in _QUESTION):
        return None
    if champion.card["vector_fingerprint"] != report.vector_fingerprint:
        return None
    if learned_until(champion) <= report.test:
        return report.contest.rerun(champion.model_folder)
    if date.fromisoformat(champion.card["test"]) <= report.test:
        return report.contest.rerun(champion.judged_folder)
    return None
