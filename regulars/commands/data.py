"""Commands about records: settings, simulation, checks, refreshes, features, vectors."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from features.simulation.mailing import MailingName
from regulars.commands.options import (
    DEFAULT_CONFIG,
    RECORDS,
    YEAR_MONTH_DAY,
    AsOf,
    Config,
    day_of,
    now_utc,
)


def add_to(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command(rich_help_panel=RECORDS)(init)
    app.command(rich_help_panel=RECORDS)(simulate)
    app.command(rich_help_panel=RECORDS)(check)
    app.command(rich_help_panel=RECORDS)(refresh)
    app.command(rich_help_panel=RECORDS)(features)
    app.command(rich_help_panel=RECORDS)(vectors)


def init(
    path: Annotated[Path, typer.Argument(help="File to write.")] = DEFAULT_CONFIG,
) -> None:
    """Write a settings file to fill in: the names of your files and of their columns.

    An existing file is not overwritten.

    Example: regulars init shop.toml
    """
    from regulars.starter import write_starter

    write_starter(path)
    typer.echo(f"Wrote {path}. Fill in the names of your files and columns, then: regulars check")


def simulate(
    folder: Annotated[Path, typer.Argument(help="Folder to write the tables into.")],
    customers: Annotated[int, typer.Option(help="Number of customers.")] = 20_000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same shop.")] = 7,
    mailing: Annotated[
        MailingName, typer.Option(help="How often the shop sends campaigns.")
    ] = "monthly",
) -> None:
    """Simulate a shop with known truth: orders, browsing, offers, returns, surveys.

    Writes a folder of Parquet files for each table, and below truth/ what no shop can know, such
    as when each customer left for good.

    Example: regulars simulate data --customers 5000 --seed 1
    """
    from features.simulate import ShopPlan
    from regulars.console import make_console
    from regulars.prepare_shop import simulate_shop

    plan = ShopPlan(n_customers=customers, seed=seed, mailing=mailing)
    simulate_shop(make_console(), plan, folder)


def check(config: Config = DEFAULT_CONFIG) -> None:
    """Read and check all tables; show what is kept, what is set aside, and why.

    Rows that break a rule go to the workspace's quarantine with the reason. The command fails only
    if more rows are bad than checks.tolerance allows.

    Example: regulars check --config shop.toml
    """
    from regulars.console import make_console
    from regulars.labelled import check_labelled
    from regulars.prepare_shop import check_shop
    from regulars.settings import read_settings

    settings = read_settings(config)
    if settings.labelled is not None:
        check_labelled(make_console(), settings)
        return
    check_shop(make_console(), settings, now_utc())


def refresh(
    config: Config = DEFAULT_CONFIG,
    *,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Rebuild everything, even what has not changed.")
    ] = False,
) -> None:
    """Read what is new: only new files are read, and only what they affect is rolled up again.

    Every command that needs the data does this first; run it every night to save the wait.

    Example: regulars refresh
    """
    from regulars.console import make_console
    from regulars.prepare_shop import refresh_shop
    from regulars.settings import read_settings

    refresh_shop(make_console(), read_settings(config), now_utc(), rebuild=rebuild)


def features(
    out: Annotated[
        Path, typer.Option(help="File to write: .html, or .csv for the figures.")
    ] = Path("features.html"),
    config: Config = DEFAULT_CONFIG,
    as_of: AsOf = None,
    before: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            metavar=YEAR_MONTH_DAY,
            help="The earlier day to compare with (UTC); by default one churn horizon earlier.",
        ),
    ] = None,
) -> None:
    """Show every feature: meaning, coverage, drift since an earlier day, weight in the models.

    Example: regulars features --as-of 2026-06-01 --before 2026-03-01 --out features.html
    """
    from regulars.console import make_console
    from regulars.reports.features import show_features
    from regulars.settings import read_settings

    show_features(
        make_console(), read_settings(config), out, day_of(as_of), day_of(before), now_utc()
    )


def vectors(
    out: Annotated[Path, typer.Option(help="Folder to write Parquet files into.")] = Path(
        "vectors"
    ),
    config: Config = DEFAULT_CONFIG,
    as_of: Annotated[
        list[datetime] | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            metavar=YEAR_MONTH_DAY,
            help="Use only what was known before this day (UTC); repeatable; by default all.",
        ),
    ] = None,
) -> None:
    """Write customer vectors: every feature of every customer, at one cutoff or many.

    Example: regulars vectors --as-of 2026-05-01 --as-of 2026-06-01 --out vectors
    """
    from regulars.console import make_console
    from regulars.prepare_shop import write_shop_vectors
    from regulars.settings import read_settings

    days = [moment.date() for moment in as_of or []]
    write_shop_vectors(make_console(), read_settings(config), out, days, now_utc())
