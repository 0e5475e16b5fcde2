"""The commands' work: open the shop, call the rooms, show what came out."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, datetime
from pathlib import Path

import pandas as pd
from rich.console import Console

from features.errors import RegistryError, SettingsError
from features.family import discover_families
from features.simulate import ShopPlan, write_shop
from features.vectors import available_families, write_vectors
from features.vocabulary import Columns as C
from regulars.console import (
    HEADLINES,
    progress_bars,
    show_checks,
    show_frame,
    show_scorecard,
)
from regulars.files import write_frame
from regulars.offers import declared_offers
from regulars.server import erased_customers
from regulars.settings import Settings
from regulars.shop import Shop, count_orders, open_shop, read_customers

JOBS = ("churn", "value", "recommend")
_TRIALS_SHOWN = 5


def simulate_shop(console: Console, plan: ShopPlan, folder: Path) -> None:
    """Write a simulated shop's tables and its truth."""
    with progress_bars(console) as progress:
        tick = progress(f"Simulating {plan.n_customers:,} customers", plan.n_customers)
        done = 0

        def told(customers_done: int, _: int) -> None:
            nonlocal done
            for _ in range(customers_done - done):
                tick()
            done = customers_done

        write_shop(plan, folder, told)


def check_shop(console: Console, settings: Settings, now: datetime) -> None:
    """Check all tables and print the report."""
    with progress_bars(console) as progress, open_shop(settings, now, progress) as shop:
        prepared, counts = shop.prepared, count_orders(shop)
    show_checks(console, prepared.reports, reused=prepared.reused)
    console.print(
        f"  Orders from {prepared.first_day} to {prepared.last_day}: {counts.orders:,} by "
        f"{counts.customers:,} customers, of {counts.products:,} products, for "
        f"{counts.revenue:,.2f} {settings.shop.currency} net of returns"
    )
    if any(report.rows_quarantined for report in prepared.reports):
        console.print(
            f"  Rows set aside, with their reasons: {settings.workspace / 'quarantine'}",
            soft_wrap=True,
        )


def refresh_shop(console: Console, settings: Settings, now: datetime, *, rebuild: bool) -> None:
    """Bring tables and roll-ups up to date and say what that took."""
    words = {"kept": "nothing new", "appended": "new files read", "rebuilt": "made anew"}
    with (
        progress_bars(console) as progress,
        open_shop(settings, now, progress, rebuild=rebuild) as shop,
    ):
        prepared = shop.prepared
    for table, work in prepared.work.items():
        console.print(f"  {table.replace('rollups', 'roll-ups')}: {words[work]}")
    console.print(f"  Orders from {prepared.first_day} to {prepared.last_day}.")


def write_shop_vectors(
    console: Console, settings: Settings, out: Path, days: list[date], now: datetime
) -> None:
    """Write vectors as of some days, by default the day after the last order."""
    with _opened(console, settings, now) as shop:
        cutoffs = [shop.as_of(day) for day in days] or [shop.as_of(None)]
        families = available_families(discover_families(), shop.prepared.rollups)
        with progress_bars(console) as progress:
            write_vectors(shop.engine, shop.prepared.rollups, families, cutoffs, out, progress)
    columns = sum(len(family.columns) for family in families)
    console.print(
        f"  Wrote {columns} columns of {len(families)} families at {len(cutoffs)} cutoffs to {out}"
    )


def train_shop(
    console: Console,
    settings: Settings,
    job: str,
    as_of: date | None,
    now: datetime,
    tuning_trials: int = 0,
) -> None:
    """Train one job or all, record them, and publish the champions when there are all three.

    Parameters
    ----------
    tuning_trials
        Recipes of churn or value to try first, the present one among them.
    """
    from models.registry import open_client
    from training.champions import load_champions
    from training.curves import CurveCache
    from training.publish import publish
    from training.record import learned_until, record
    from training.run import choose_horizons, run_job, shared_table, tune_job

    if tuning_trials and job not in {"churn", "value"}:
        raise SettingsError(
            f"--tune is of one recipe and {job} has none of its own",
            "name the job: regulars train churn --tune 20, or train value --tune 20",
        )
    offers = declared_offers(settings)  # a mistake in them is said now, not after the training
    with _opened(console, settings, now) as shop:
        day = shop.as_of(as_of)
        arguments = (shop.engine, shop.prepared, settings.shop, settings.training)
        horizons = choose_horizons(*arguments, day)
        console.print(f"  Churn within {horizons.churn_days} days: {horizons.churn_evidence}")
        console.print(f"  Value over {horizons.value_reach_days} days: {horizons.value_evidence}")
        with progress_bars(console) as progress:
            tick = progress("Registry, opened", 1)
            client = open_client(settings.mlruns)
            tick()
        table, curves = None, CurveCache()
        for name in JOBS if job == "all" else (job,):
            with progress_bars(console) as progress:
                if job == "all" and table is None:
                    table = shared_table(*arguments, horizons, day, progress)
                recipe = None
                if tuning_trials:
                    table = table or shared_table(*arguments, horizons, day, progress, (name,))
                    recipe, tried = tune_job(
                        name, *arguments[1:], horizons, day, table, tuning_trials, progress
                    )
                report = run_job(name, *arguments, horizons, day, progress, table, recipe, curves)
            if recipe is not None:
                show_frame(console, tried.head(_TRIALS_SHOWN), "Recipes tried, best first")
            with progress_bars(console) as progress:
                tick = progress(f"{name.capitalize()}, recorded", 1)
                outcome = record(
                    client, report, settings.mlruns, settings.shop, shop.prepared.fingerprint, now
                )
                tick()
            show_scorecard(console, outcome)
        try:
            champions = load_champions(client, settings.shop.name)
        except RegistryError as missing:
            console.print(f"  Nothing published: {missing.problem}")
            return
        if any(learned_until(card) > day for card in champions.cards.values()):
            console.print(f"  Nothing published: the champions have learned from days after {day}")
            return
        with progress_bars(console) as progress:
            folder = publish(
                shop.engine,
                shop.prepared,
                champions,
                settings.shop,
                day,
                now,
                settings.bundles,
                progress,
                erased_customers(settings),
                offers,
            )
    console.print(f"  Published {folder}")
    if champions.uplift is None and "contacts" in shop.prepared.clean:
        console.print("  What contacts change is not learned yet: regulars train uplift")


def show_champions(console: Console, settings: Settings) -> None:
    """Print the champions' own scorecards."""
    from models.registry import open_client
    from training.champions import load_champions

    champions = load_champions(open_client(settings.mlruns), settings.shop.name)
    for job, champion in champions.cards.items():
        measured = champion.card["metrics"]
        metrics = {name: measured[name] for name in HEADLINES[job] if name in measured}
        shown = ", ".join(f"{name} {value:.4f}" for name, value in metrics.items())
        console.print(f"  {job} {champion.version} (judged from {champion.card['test']}): {shown}")


def score_customers_to(
    console: Console,
    settings: Settings,
    out: Path,
    as_of: date | None,
    customers: Path | None,
    now: datetime,
) -> None:
    """Write every customer's scores, or those of the customers in a file."""
    from models.registry import open_client
    from training.champions import load_champions
    from training.scores import SCORE_COLUMNS, score_customers

    wanted = None if customers is None else read_customers(customers)
    with _opened(console, settings, now) as shop:
        day = shop.as_of(as_of)
        champions = load_champions(open_client(settings.mlruns), settings.shop.name, day)
        _warn_of_hindsight(console, {j: c.card for j, c in champions.cards.items()}, day)
        scored = score_customers(shop.engine, shop.prepared, champions, settings.shop, day, wanted)
    frame = scored.frame[list(SCORE_COLUMNS)].assign(
        churn_horizon_days=champions.churn.horizon_days,
        value_horizon_days=scored.value_horizon_days,
        currency=settings.shop.currency,
    )
    write_frame(frame, out)
    _say_unknown(console, wanted, set(frame[C.CUSTOMER_ID]), "have no history and no scores")
    console.print(
        f"  Wrote {len(frame):,} customers to {out}: as of {day}, churn within "
        f"{champions.churn.horizon_days} days, value over {scored.value_horizon_days} days "
        f"({scored.value_basis}) in {settings.shop.currency}"
    )


def score_recommendations_to(
    console: Console,
    settings: Settings,
    out: Path,
    n: int,
    as_of: date | None,
    customers: Path | None,
    now: datetime,
) -> None:
    """Write every customer's best products, or those of the customers in a file."""
    from models.registry import open_client
    from training.champions import load_champions
    from training.recommend.purchases import describe_products, load_interactions
    from training.scores import score_recommendations

    wanted = None if customers is None else read_customers(customers)
    with _opened(console, settings, now) as shop:
        day = shop.as_of(as_of)
        champions = load_champions(open_client(settings.mlruns), settings.shop.name, day)
        card = champions.cards["recommend"].card
        _warn_of_hindsight(console, {"recommend": card}, day)
        purchases = load_interactions(shop.engine, shop.prepared.rollups, day)
        interactions = describe_products(shop.engine, shop.prepared, purchases)
    model = champions.recommend.fit(interactions)
    ids = interactions.customer_ids.tolist() if wanted is None else sorted(set(wanted))
    with progress_bars(console) as progress:
        tick = progress("Recommendations", 1)
        frame = pd.concat(score_recommendations(model, ids, n), ignore_index=True)
        tick()
    write_frame(frame, out)
    known = set(interactions.customer_ids.tolist())
    _say_unknown(console, wanted, known, "have no history: they get what is popular")
    console.print(f"  Wrote {len(frame):,} recommendations for {len(ids):,} customers to {out}")


def open_mlflow(settings: Settings, port: int) -> None:
    """Run MLflow's own server on this shop's database, on this machine only."""
    from models.registry import artifact_root, ensure_database, tracking_uri

    ensure_database(settings.mlruns)
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1",
               "--host", "127.0.0.1", "--port", str(port),
               "--backend-store-uri", tracking_uri(settings.mlruns),
               "--default-artifact-root", artifact_root(settings.mlruns).as_uri()]  # fmt: skip
    # Without its job runner MLflow needs two processes instead of ten.
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    subprocess.run(command, env=environment, check=False)  # noqa: S603  our own arguments


@contextmanager
def _opened(console: Console, settings: Settings, now: datetime) -> Iterator[Shop]:
    """Open the shop with a progress bar that is gone once the data is ready."""
    with ExitStack() as stack:
        with progress_bars(console) as progress:
            shop = stack.enter_context(open_shop(settings, now, progress))
        yield shop


def _warn_of_hindsight(console: Console, cards: dict[str, dict[str, str]], day: date) -> None:
    """Say so when a model has learned from days that the scores pretend not to know."""
    for job, card in cards.items():
        if date.fromisoformat(card["as_of"]) > day:
            console.print(
                f"  [yellow]The {job} model learned from data up to {card['as_of']}, later than "
                f"{day}: do not judge it by these scores.[/] Train with --as-of {day} for that."
            )


def _say_unknown(console: Console, wanted: list[str] | None, known: set[str], what: str) -> None:
    unknown = [] if wanted is None else [name for name in wanted if name not in known]
    if unknown:
        shown = ", ".join(unknown[:3]) + (" ..." if len(unknown) > 3 else "")
        console.print(f"  [yellow]{len(unknown):,} of the customers asked for {what}:[/] {shown}")
