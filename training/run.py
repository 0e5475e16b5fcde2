"""Run jobs end to end: train, track, register, judge, promote."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Literal

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
from training.dataset import Table, build_table, horizons_up_to
from training.gate import Verdict, judge
from training.recommend import train_recommend
from training.report import Floats, JobReport
from training.scorecard import judge_model, scorecard_files
from training.settings import TrainingSettings
from training.tracking import track
from training.value import train_value
from training.windows import Windows, plan_windows, teachable_horizon_days

# What makes two models answers to the same question.
_QUESTION = (
    "label",
    "truth",
    "horizon_days",
    "window_days",
    "population",
    "currency",
    "discount_rate",
    "margin_rate_where_cost_unknown",
)


@dataclass(frozen=True)
class Horizons:
    """The horizons in force, each with the evidence for it."""

    churn_days: int
    churn_evidence: str
    value_days: int
    value_evidence: str


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
    value, value_evidence = settings.value_horizon_days, "set in training.value_horizon_days"
    if value is None:
        history = (as_of - prepared.first_day).days
        value = teachable_horizon_days(history, shop.lookback_days)
        value_evidence = f"the longest that {history:,} days of history can teach"
    return Horizons(churn, churn_evidence, value, value_evidence)


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
) -> JobReport:
    """Train one job on what was known before ``as_of``; nothing is recorded.

    Parameters
    ----------
    table
        From :func:`shared_table`, so that churn and value need not build their vectors twice.
    boosting
        Another recipe than the default, for churn and value.
    """
    churn_plan, value_plan = _plans(prepared, settings, horizons, as_of)
    if job == "recommend":
        return train_recommend(engine, prepared, settings, churn_plan(), progress)
    if table is None:
        table = shared_table(engine, prepared, shop, settings, horizons, as_of, progress, (job,))
    if job == "churn":
        return train_churn(
            engine, prepared, shop, settings, churn_plan(), progress, table, boosting
        )
    return train_value(engine, prepared, shop, settings, value_plan(), progress, table, boosting)


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
