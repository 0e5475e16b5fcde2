"""Record a finished job: track it, register its model, and promote it if the gate agrees."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Literal

from features.settings import ShopSettings
from models import registry
from models.registry import Client, RegisteredModel
from training.gate import Verdict, judge
from training.publishing.champions import learned_until, model_name, readable_champion
from training.report import Floats, JobReport
from training.scorecard import judge_model, scorecard_files
from training.tracking import track

# Two models are comparable only if these parts of their definitions agree.
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
class Outcome:
    """One recorded job: its report, its registered model, and the gate's verdict.

    Attributes
    ----------
    status
        ``promoted``: now the champion. ``backtest``: accepted for scores of its own day, since the
        champion learned from later days. ``kept``: registered, but not used.
    is_first
        Whether the shop had no champion for this job before.
    """

    report: JobReport
    registered: RegisteredModel
    verdict: Verdict
    status: Literal["promoted", "backtest", "kept"]
    run_id: str
    is_first: bool = False


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
    mlruns
        MLflow's folder, which holds its artifacts.
    made_at
        Naive UTC, shown on the scorecard page.
    """
    name = model_name(shop.name, report.name)
    champion = readable_champion(client, name)
    is_backtest = champion is not None and learned_until(champion) > report.as_of
    comparable = None if is_backtest else champion
    predicted = None if comparable is None else _on_same_window(comparable, report)
    verdict = judge(
        report.contest,
        report.name,
        predicted,
        has_champion=comparable is not None and _knows_the_features(comparable, report),
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
    return Outcome(report, registered, verdict, "promoted", run_id, is_first=champion is None)


def _knows_the_features(champion: RegisteredModel, report: JobReport) -> bool:
    """Return whether a champion can score today's features: if not, some other model has to."""
    return bool(champion.card["vector_fingerprint"] == report.vector_fingerprint)


def _is_older(champion: RegisteredModel, report: JobReport, data_fingerprint: str) -> bool:
    """Return whether the challenger knows later days, or other records up to the same day."""
    if learned_until(champion) == report.as_of:
        return bool(champion.card["data_fingerprint"] != data_fingerprint)
    return learned_until(champion) < report.as_of


def _on_same_window(champion: RegisteredModel, report: JobReport) -> Floats | None:
    """Return the champion's predictions of the challenger's test window; None if not comparable.

    They are those of its served model if that learned nothing from the window, else of its judged
    model. If even that saw some of the window's outcomes, or their definitions differ, the two
    cannot be compared. Nor can a champion of other features score the window.
    """
    theirs, ours = champion.card["definition"], report.definition
    if any(theirs.get(name) != ours.get(name) for name in _QUESTION):
        return None
    if not _knows_the_features(champion, report):
        return None
    if learned_until(champion) <= report.test:
        return report.contest.rerun(champion.model_folder)
    if date.fromisoformat(champion.card["test"]) <= report.test:
        return report.contest.rerun(champion.judged_folder)
    return None
