"""Commands about experiments on next best offers."""

from __future__ import annotations

from typing import Annotated

import typer

from regulars.commands.options import DECISIONS, DEFAULT_CONFIG, Config, now_utc


def add_to(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    experiments_app = typer.Typer(no_args_is_help=True, help="Experiments that compare policies.")
    app.add_typer(experiments_app, name="experiments", rich_help_panel=DECISIONS)
    experiments_app.command("results")(results)


def results(
    name: Annotated[
        str | None, typer.Argument(help="The experiment's name in the settings; all by default.")
    ] = None,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Compare each variant with the control, in money, with intervals that hold at any time.

    The variants' sizes are checked first: if they are not as designed, no result is shown.

    Example: regulars experiments results spring
    """
    from regulars.console import make_console
    from regulars.reports.policy import show_experiments
    from regulars.settings import read_settings

    show_experiments(make_console(), read_settings(config), name, now_utc())
