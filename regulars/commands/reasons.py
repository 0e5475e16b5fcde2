"""The command that shows why customers may leave."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from regulars.commands.options import DEFAULT_CONFIG, MODELS, AsOf, Config, day_of, now_utc


def add_to(app: typer.Typer) -> None:
    """Add this command to the command line."""
    app.command("churn-reasons", rich_help_panel=MODELS)(churn_reasons)


def churn_reasons(
    customer: Annotated[
        list[str] | None,
        typer.Argument(help="Customer ids; by default those with the most value at risk."),
    ] = None,
    config: Config = DEFAULT_CONFIG,
    as_of: AsOf = None,
    out: Annotated[Path | None, typer.Option(help="Also write them, as JSON lines.")] = None,
) -> None:
    """Show why customers may leave: what drives the score, what they said, what was tested.

    The three are kept apart: what drives the score is not a cause, a stated reason is an opinion,
    and only a campaign with a randomly held-out group shows what changes churn.

    Example: regulars churn-reasons C0007804 --out reasons.jsonl
    """
    from regulars.console import make_console
    from regulars.reports.reasons import show_churn_reasons
    from regulars.settings import read_settings

    show_churn_reasons(
        make_console(), read_settings(config), customer or [], out, day_of(as_of), now_utc()
    )
