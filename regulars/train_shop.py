"""The work of `regulars train`: train, record, judge, and publish what is complete."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING

import pandas as pd
from rich.console import Console
from rich.markup import escape

from features.errors import RegistryError, SettingsError
from regulars.console import HEADLINES, progress_bars, show_frame, show_scorecard
from regulars.offers import declared_offers
from regulars.publish_shop import publish_champions
from regulars.settings import Settings
from regulars.shop import open_shop_on

if TYPE_CHECKING:
    from training.report import JobReport
    from training.task import TrainingTask

_TUNABLE = {"churn", "value"}
_TRIALS_SHOWN = 5


def train_shop(
    console: Console,
    settings: Settings,
    job: str,
    as_of: date | None,
    now: datetime,
    tuning_trials: int = 0,
) -> None:
    """Train one job or all, record them, and publish a bundle once every job has a champion.

    Parameters
    ----------
    tuning_trials
        Hyperparameters of churn or value to try first, the present ones among them.
    """
    from models.registry import open_client
    from training.horizons import choose_horizons
    from training.publishing.champions import REQUIRED_JOBS
    from training.record import record
    from training.task import TrainingTask

    if tuning_trials and job not in _TUNABLE:
        raise SettingsError(
            f"--tune works on one job at a time, churn or value, and not on {job}",
            "name the job: regulars train churn --tune 20, or train value --tune 20",
        )
    offers = declared_offers(settings)  # before the training, so that a mistake costs no time
    with open_shop_on(console, settings, now) as shop:
        day = shop.as_of(as_of)
        horizons = choose_horizons(
            shop.engine, shop.prepared, settings.shop, settings.training, day
        )
        console.print(f"  Churn within {horizons.churn_days} days: {horizons.churn_evidence}")
        console.print(f"  Value over {horizons.value_reach_days} days: {horizons.value_evidence}")
        with progress_bars(console) as progress:
            tick = progress("Registry, opened", 1)
            client = open_client(settings.mlruns)
            tick()
        jobs = REQUIRED_JOBS if job == "all" else (job,)
        fingerprint = shop.prepared.fingerprint
        task = TrainingTask(
            shop.engine, shop.prepared, settings.shop, settings.training, horizons, day
        )
        for report in _train_jobs(console, task, jobs, tuning_trials):
            with progress_bars(console) as progress:
                tick = progress(f"{report.name.capitalize()}, recorded", 1)
                outcome = record(client, report, settings.mlruns, settings.shop, fingerprint, now)
                tick()
            show_scorecard(console, outcome)
        try:
            publish_champions(console, shop, client, offers, day, now)
        except RegistryError as missing:
            reason = f"{missing.problem}; {missing.remedy}"
            console.print(f"  Nothing published: {escape(reason)}")


def _train_jobs(
    console: Console,
    task: TrainingTask,
    jobs: tuple[str, ...],
    tuning_trials: int,
) -> Iterator[JobReport]:
    """Train jobs one after the other; what several of them learn from is built once."""
    from training.run import run_job, tune_job, with_shared_table

    for name in jobs:
        with progress_bars(console) as progress:
            task = replace(task, progress=progress)
            if task.table is None and (len(jobs) > 1 or tuning_trials):
                task = with_shared_table(task, jobs)
            if tuning_trials:
                tuned, trials = tune_job(name, task, tuning_trials)
                task = replace(task, tuned=tuned)
            report = run_job(name, task)
        if tuning_trials:
            best = side_by_side(trials.head(_TRIALS_SHOWN))
            show_frame(console, best, "Hyperparameters tried, best first")
        yield report


def side_by_side(trials: pd.DataFrame) -> pd.DataFrame:
    """Return a column for each trial and a row for each figure: a terminal is too narrow for them.

    Parameters
    ----------
    trials
        From :func:`training.tuning.tune`.
    """
    rows = trials.astype(object).set_index("trial").T
    titled = rows.rename(columns=lambda number: f"trial {number}")
    return titled.reset_index(names="")


def show_champions(console: Console, settings: Settings) -> None:
    """Print the headline metrics of each champion."""
    from models.registry import open_client
    from training.publishing.champions import load_champions

    champions = load_champions(open_client(settings.mlruns), settings.shop.name)
    for job, champion in champions.cards.items():
        measured = champion.card["metrics"]
        metrics = {name: measured[name] for name in HEADLINES[job] if name in measured}
        shown = ", ".join(f"{name} {value:.4f}" for name, value in metrics.items())
        console.print(f"  {job} {champion.version} (judged from {champion.card['test']}): {shown}")
