"""Reports on the decision log: a policy's value, an experiment's results, exported outcomes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.markup import escape

from features.errors import DataError, SettingsError
from features.wording import counted
from models.policy.experiments import results
from models.policy.sample_ratio import check_sample_ratio
from regulars.console import show_frame
from regulars.decision_log import decision_store, product_margins, spans_of_outcomes
from regulars.files import write_frames
from regulars.settings import Settings
from serving.decisions.learning.contacts_export import as_contacts
from serving.decisions.learning.experiment_outcomes import experiment_outcomes
from serving.decisions.learning.judging import judgeable
from serving.decisions.learning.outcome_columns import OutcomeColumns as O
from serving.decisions.policies.experiments import design_of
from serving.decisions.policies.settings import ExperimentSettings, PolicyName
from training.policy_evaluation import evaluate_policy


def show_policy(
    console: Console,
    settings: Settings,
    policy: PolicyName,
    reward: str,
    since: date | None,
    now: datetime,
) -> None:
    """Print what a policy would have earned on the logged decisions that explored.

    Raises
    ------
    DataError
        Nothing was logged, or nothing of it was left to chance.
    """
    with decision_store(settings) as store:
        judged = judgeable(spans_of_outcomes(settings, store, since, now), policy, reward)
    report = evaluate_policy(judged.log, judged.target, judged.situations)
    title = f"Policy {policy}: {reward} per placement filled, 95 % intervals"
    show_frame(console, report.table.reset_index(), title)
    for note in report.notes:
        console.print(f"  {escape(note)}")
    if judged.outside:
        console.print(
            f"  In {judged.outside:,} of {len(judged.log):,} placements the policy would have "
            "taken a candidate that was not explored; its best explored one is used instead."
        )
    for reason, count in judged.left_out.items():
        console.print(f"  Not judged, {reason}: {counted(count, 'placement')}")


def show_experiments(console: Console, settings: Settings, name: str | None, now: datetime) -> None:
    """Print every experiment's results, or those of one; none where its variants' sizes are off.

    Raises
    ------
    SettingsError
        There is no experiment, or none of that name.
    """
    described = settings.serving.experiments
    if not described or (name is not None and name not in described):
        raise SettingsError(
            "there is no experiment" + ("" if name is None else f" {name}"),
            "describe one under [serving.experiments.NAME]"
            + (f"; there are {', '.join(described)}" if described else ""),
        )
    for each in described if name is None else [name]:
        _show_experiment(console, settings, each, described[each], now)


def _show_experiment(
    console: Console, settings: Settings, name: str, described: ExperimentSettings, now: datetime
) -> None:
    days = settings.serving.attribution_days
    with decision_store(settings) as store:
        found = experiment_outcomes(store, product_margins(settings), name, described, days, now)
    ratio = check_sample_ratio(found.assigned, design_of(name, described).shares)
    console.print(f"  {escape(name)}: {escape(ratio.says)}")
    if found.moved:
        console.print(
            f"  {counted(found.moved, 'customer')} changed variant, as the settings changed while "
            "the experiment ran: each counts towards their first variant"
        )
    if ratio.mismatch:
        return
    control = next(iter(described.variants))
    table = results(found.earned, control, scale=described.hoped_difference)
    title = (
        f"{name}: {settings.shop.currency} per customer within {days} days, against {control}; "
        "intervals hold at any time"
    )
    show_frame(console, table.reset_index(), title)


def write_outcomes(
    console: Console,
    settings: Settings,
    out: Path,
    since: date | None,
    now: datetime,
    *,
    contacts: bool,
) -> None:
    """Write every offer shown with what came of it, or the contacts among them.

    Raises
    ------
    DataError
        Nothing was logged since that day.
    """

    def frames(spans: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for span in spans:
            yield as_contacts(span) if contacts else span.drop(columns=[O.CHOICE])

    with decision_store(settings) as store:
        rows = write_frames(frames(spans_of_outcomes(settings, store, since, now)), out)
    if not rows:
        raise DataError(
            "no offer was shown in that time",
            "serve the shop first, or choose an earlier day with --since",
        )
    console.print(f"  Wrote {counted(rows, 'row')} to {out}")
