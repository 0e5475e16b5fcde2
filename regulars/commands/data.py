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
    """Write a settings file to fill in: your files, and what their columns are called."""
    from regulars.starter import write_starter

    write_starter(path)
    typer.echo(f"Wrote {path}. Fill in the names of your files and columns, then: regulars check")


def simulate(
    folder: Annotated[Path, typer.Argument(help="Folder to write the tables into.")],
    customers: Annotated[int, typer.Option(help="How many customers.")] = 20_000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same shop.")] = 7,
    mailing: Annotated[
        MailingName, typer.Option(help="How often the shop writes to its customers.")
    ] = "monthly",
) -> None:
    """Simulate a shop with known truth: orders, browsing, offers, returns, surveys."""
    from features.simulate import ShopPlan
    from regulars.console import make_console
    from regulars.prepare_shop import simulate_shop

    plan = ShopPlan(n_customers=customers, seed=seed, mailing=mailing)
    simulate_shop(make_console(), plan, folder)


def check(config: Config = DEFAULT_CONFIG) -> None:
    """Read and check all tables; show what is kept, what is set aside, and why."""
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

    Every command that needs the data does the same first; run this nightly to have it done.
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
            help="The earlier day to compare with (UTC).",
        ),
    ] = None,
) -> None:
    """Show every feature: meaning, coverage, drift since an earlier day, weight in the models."""
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
            help="Use only what was known before this day (UTC); repeatable.",
        ),
    ] = None,
) -> None:
    """Write customer vectors: every feature of every customer, at one cutoff or many."""
    from regulars.console import make_console
    from regulars.prepare_shop import write_shop_vectors
    from regulars.settings import read_settings

    days = [moment.date() for moment in as_of or []]
    write_shop_vectors(make_console(), read_settings(config), out, days, now_utc())
