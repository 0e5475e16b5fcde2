"""Commands about models: train, score, segments, backtests."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from features.errors import SettingsError
from regulars.commands.options import (
    DEFAULT_CONFIG,
    MODELS,
    YEAR_MONTH_DAY,
    AsOf,
    Config,
    Customers,
    Out,
    day_of,
    now_utc,
)
from regulars.paths import must_be_writable


class Job(StrEnum):
    """The training jobs."""

    churn = "churn"
    value = "value"
    recommend = "recommend"
    uplift = "uplift"
    all = "all"


def add_to(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    backtest_app = typer.Typer(no_args_is_help=True, help="Judge models on several past windows.")
    app.add_typer(backtest_app, name="backtest", rich_help_panel=MODELS)
    backtest_app.command("recommend")(backtest_recommend)
    score_app = typer.Typer(no_args_is_help=True, help="Score everyone, to Parquet or CSV.")
    app.add_typer(score_app, name="score", rich_help_panel=MODELS)
    app.command(rich_help_panel=MODELS)(train)
    app.command(rich_help_panel=MODELS)(segments)
    app.command("cross-sell-effect", rich_help_panel=MODELS)(cross_sell_effect)
    score_app.command("customers")(score_customers)
    score_app.command("recommendations")(score_recommendations)


def train(
    job: Annotated[Job, typer.Argument(help="What to train.")] = Job.all,
    config: Config = DEFAULT_CONFIG,
    as_of: AsOf = None,
    tune: Annotated[
        int,
        typer.Option(
            min=0,
            help="Hyperparameter sets to try on validation windows; churn or value; 0: none.",
        ),
    ] = 0,
) -> None:
    """Train on earlier windows, judge on a later one beside baselines, promote what is better.

    Every run is recorded in MLflow: see `regulars ui`. Once churn, value and recommend each have a
    champion, a bundle is published for the server. The default, all, trains these three; uplift
    is trained by its name and needs campaigns that held customers out.

    On a settings file with [labelled], that table is used instead: judged by stratified
    cross-validation, or on the latest fifth of its rows where a time column is named.

    Example: regulars train churn --tune 20
    """
    from regulars.console import make_console
    from regulars.labelled import train_labelled
    from regulars.settings import read_settings
    from regulars.train_shop import train_shop

    settings = read_settings(config)
    if settings.labelled is not None:
        if tune:
            raise SettingsError(
                "--tune tries hyperparameters on windows of orders, and a labelled table has none",
                "leave it out: for a labelled table they are chosen by cross-validation",
            )
        train_labelled(make_console(), settings, job.value, now_utc())
        return
    train_shop(make_console(), settings, job.value, day_of(as_of), now_utc(), tune)


def segments(
    config: Config = DEFAULT_CONFIG,
    as_of: AsOf = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            metavar=YEAR_MONTH_DAY,
            help="Also show who moved since this day (UTC); by default nothing is compared.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Also write the report: .html or .md, or .csv for the numbers."),
    ] = None,
) -> None:
    """Show tiers, stages, segments and clusters: their size, their value, and who moved.

    Example: regulars segments --since 2026-03-01 --out segments.html
    """
    from regulars.console import make_console
    from regulars.reports.segments import show_segments
    from regulars.settings import read_settings

    settings = read_settings(config)
    show_segments(make_console(), settings, out, day_of(as_of), day_of(since), now_utc())


def cross_sell_effect(config: Config = DEFAULT_CONFIG) -> None:
    """Show whether customers who hold more categories or products leave less often.

    Raw, and adjusted for what else is known of the customers, as in the published bundle.

    Example: regulars cross-sell-effect
    """
    from regulars.console import make_console
    from regulars.reports.breadth import show_breadth
    from regulars.settings import read_settings

    show_breadth(make_console(), read_settings(config))


def score_customers(
    out: Out = Path("scores.parquet"),
    config: Config = DEFAULT_CONFIG,
    as_of: AsOf = None,
    customers: Customers = None,
    table: Annotated[
        Path | None,
        typer.Option(
            help="With [labelled]: score the rows of this file, which needs no label; by default "
            "those of the labelled table."
        ),
    ] = None,
) -> None:
    """Write every customer's churn probability, value, tier, segment, stage and value at risk.

    Example: regulars score customers --as-of 2026-06-01 --out scores.csv
    """
    from regulars.console import make_console
    from regulars.labelled import score_labelled
    from regulars.score_shop import score_customers_to
    from regulars.settings import read_settings

    must_be_writable(out)
    settings, console = read_settings(config), make_console()
    if settings.labelled is not None:
        score_labelled(console, settings, out, customers, table)
        return
    score_customers_to(console, settings, out, day_of(as_of), customers, now_utc())


def score_recommendations(
    out: Out = Path("recs.parquet"),
    n: Annotated[int, typer.Option("--n", min=1, max=100, help="Products per customer.")] = 20,
    config: Config = DEFAULT_CONFIG,
    as_of: AsOf = None,
    customers: Customers = None,
    *,
    raw: Annotated[
        bool,
        typer.Option("--raw", help="Leave nothing out: the ranking by itself, as it is evaluated."),
    ] = False,
) -> None:
    """Write each customer's best products for the next order, with rank and score.

    What is out of stock or retired by the products table, and what a customer rejected, is left
    out, as by the server.

    Example: regulars score recommendations --n 10 --out recommendations.csv
    """
    from regulars.console import make_console
    from regulars.score_shop import score_recommendations_to
    from regulars.settings import read_settings

    must_be_writable(out)
    score_recommendations_to(
        make_console(), read_settings(config), out, n, day_of(as_of), customers, now_utc(), raw=raw
    )


def backtest_recommend(
    config: Config = DEFAULT_CONFIG,
    as_of: AsOf = None,
    cutoffs: Annotated[
        int, typer.Option(min=0, help="Rolling cutoffs besides the last basket and horizon.")
    ] = 1,
    out: Annotated[
        Path | None, typer.Option(help="Also write every metric: .csv or .parquet.")
    ] = None,
) -> None:
    """Compare every recommender with every baseline: last basket, time split, rolling cutoffs.

    Example: regulars backtest recommend --cutoffs 3 --out backtest.csv
    """
    from regulars.console import make_console
    from regulars.reports.backtest import show_backtest
    from regulars.settings import read_settings

    if out is not None:
        must_be_writable(out)
    settings = read_settings(config)
    show_backtest(make_console(), settings, out, day_of(as_of), cutoffs, now_utc())
