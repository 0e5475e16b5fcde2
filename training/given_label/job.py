"""The churn job on a plain table: look for leaks, judge on unseen rows, fit again on everything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from features.progress import Progress
from features.rollup import from_epoch_day
from models.given_label.model import FIT_STEPS, GivenLabelModel
from models.given_label.schema import read_as
from models.metrics.classification import roc_auc
from training.given_label.drift import order_note
from training.given_label.judge import (
    LATER_TICKS,
    OURS,
    Judged,
    cross_validate,
    hold_out_later,
    later_from,
)
from training.given_label.leaks import Suspect, find_suspects
from training.given_label.settings import LabelledSettings
from training.given_label.table import Floats, LabelledTable
from training.plots import bar_plot, calibration_plot, gains_plot
from training.report import Contest, JobReport

_MOST_BARS = 20


@dataclass(frozen=True)
class LabelledReport:
    """A job's report, and the columns that are reasons not to use its model.

    Attributes
    ----------
    suspects
        Columns that may leak the outcome; while there are any, the model is not promoted.
    """

    report: JobReport
    suspects: tuple[Suspect, ...] = field(default=())


def train_given_label(
    table: LabelledTable, settings: LabelledSettings, today: date, seed: int, progress: Progress
) -> LabelledReport:
    """Run the churn job on a labelled table.

    Parameters
    ----------
    today
        When the table was read, by which its outcomes were known; a column of dates, if there is
        one, is used instead.
    """
    tick = progress("Looking for leaks", 1)
    suspects = find_suspects(table.features, table.outcomes, table.kinds, settings.vouched, seed)
    tick()
    judged = _judge(table, settings, seed, progress)
    model = GivenLabelModel(table.kinds, in_time_order=settings.in_time_order, seed=seed)
    model.fit(table.features, table.outcomes, progress("Churn, served", FIT_STEPS))
    test, as_of = _days(table, today)
    report = JobReport(
        name=OURS,
        as_of=as_of,
        test=test,
        definition={
            "label": f"churned = 1: {settings.label} is {settings.positive}",
            "population": "the rows of the labelled table",
            "split": _split(settings, judged),
        },
        parameters=_parameters(table, judged, model, suspects),
        scorecard=judged.scorecard,
        contest=Contest(
            "ROC AUC",
            roc_auc,
            table.outcomes[judged.rows],
            judged.predicted,
            _rerun(table, judged),
            table.customer_ids.iloc[judged.rows].tolist(),
        ),
        judged=judged.model,
        model=model,
        vector_fingerprint=f"{settings.label}: {', '.join(table.kinds)}",
        figures=_figures(table, judged, model),
        notes=(*map(str, suspects), *_notes(table, settings, judged)),
    )
    return LabelledReport(report, suspects)


def _judge(
    table: LabelledTable, settings: LabelledSettings, seed: int, progress: Progress
) -> Judged:
    rows = (table.features, table.outcomes, table.kinds)
    if settings.in_time_order:
        return hold_out_later(*rows, table.times, seed, progress("Churn, judged", LATER_TICKS))
    tick = progress("Churn, judged", settings.folds * settings.repeats)
    return cross_validate(*rows, settings.folds, settings.repeats, seed, tick)


def _parameters(
    table: LabelledTable, judged: Judged, model: GivenLabelModel, suspects: Sequence[Suspect]
) -> dict[str, Any]:
    return {
        **asdict(model.boosting_),
        **{f"blend_{name}": value for name, value in asdict(model.blend_).items()},
        "looseness": model.looseness_,
        "rows": len(table),
        "judged_rows": len(judged.rows),
        "positive_rate": float(table.outcomes.mean()),
        "columns": len(table.kinds),
        "suspicious_columns": ", ".join(suspect.column for suspect in suspects),
    }


def _figures(table: LabelledTable, judged: Judged, model: GivenLabelModel) -> dict[str, Figure]:
    outcomes = table.outcomes[judged.rows]
    return {
        "calibration": calibration_plot(outcomes, judged.predicted[OURS]),
        "gains": gains_plot(outcomes, judged.predicted, "churners"),
        "importance": bar_plot(
            _largest(model.importance(table.features)),
            "Columns by mean effect on churn",
            "mean absolute contribution to the logit",
        ),
    }


def _split(settings: LabelledSettings, judged: Judged) -> str:
    if settings.in_time_order:
        return f"the latest {len(judged.rows):,} rows held out"
    times = "once" if settings.repeats == 1 else f"{settings.repeats} times"
    return f"every row held out {times}, {settings.folds} folds stratified by the label"


def _days(table: LabelledTable, today: date) -> tuple[date, date]:
    """Return the first day held out, and the first day of which nothing is known."""
    if table.times is None or not table.dated:
        return today, today
    first = table.times[later_from(len(table), table.times)]
    last = from_epoch_day(int(table.times[-1]))
    return from_epoch_day(int(first)), last + timedelta(days=1)


def _rerun(table: LabelledTable, judged: Judged) -> Callable[[Path], Floats | None]:
    """Return a function that scores the judged rows with an older saved model, or returns None.

    Only with dates is it certain that the older model did not learn from these rows. Without dates
    the models are not compared, and the gate judges by the baselines alone.
    """

    def rerun(folder: Path) -> Floats | None:
        champion = GivenLabelModel.load(folder)
        if not table.dated or not set(champion.kinds) <= set(table.kinds):
            return None
        rows = read_as(table.features.iloc[judged.rows], champion.kinds, "the table")
        return champion.predict_proba(rows)[:, 1]

    return rerun


def _notes(table: LabelledTable, settings: LabelledSettings, judged: Judged) -> list[str]:
    notes = list(judged.drift.notes) if judged.drift is not None else []
    if not settings.in_time_order and (note := order_note(table.outcomes)) is not None:
        notes.append(note)
    reasons: dict[str, list[str]] = {}
    for name, reason in table.ignored.items():
        reasons.setdefault(reason, []).append(name)
    notes += [f"not learned from: {', '.join(names)}: {why}" for why, names in reasons.items()]
    return notes


def _largest(importance: dict[str, float]) -> dict[str, float]:
    ordered = sorted(importance.items(), key=lambda item: (-item[1], item[0]))
    return dict(ordered[:_MOST_BARS])
