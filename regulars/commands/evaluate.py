"""Commands that learn from the decision log: judge a policy, export outcomes."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from regulars.commands.options import (
    DECISIONS,
    DEFAULT_CONFIG,
    YEAR_MONTH_DAY,
    Config,
    Out,
    day_of,
    now_utc,
)
from regulars.paths import must_be_writable

Since = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d"],
        metavar=YEAR_MONTH_DAY,
        help="Only decisions from this day on (UTC); by default all.",
    ),
]


class PolicyChoice(StrEnum):
    """Which policy to evaluate."""

    value = "value"
    acceptance = "acceptance"
    nothing = "nothing"


class Reward(StrEnum):
    """What a policy is evaluated by."""

    earned = "earned"
    accepted = "accepted"


def add_to(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    evaluate_app = typer.Typer(
        no_args_is_help=True, help="Evaluate policies on the logged decisions."
    )
    app.add_typer(evaluate_app, name="evaluate", rich_help_panel=DECISIONS)
    evaluate_app.command("policy")(evaluate_policy)
    app.command(rich_help_panel=DECISIONS)(outcomes)


def evaluate_policy(
    policy: Annotated[
        PolicyChoice,
        typer.Option(
            help="value: by expected money; acceptance: by P(accept); nothing: never an offer."
        ),
    ] = PolicyChoice.value,
    reward: Annotated[
        Reward, typer.Option(help="earned: money; accepted: 0 or 1.")
    ] = Reward.earned,
    since: Since = None,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Estimate what a policy would have earned on the logged decisions: IPS, SNIPS, DR.

    Only decisions that explored count: set share under [serving.exploration].

    Example: regulars evaluate policy --policy acceptance --reward earned --since 2026-05-01
    """
    from regulars.console import make_console
    from regulars.reports.policy import show_policy
    from regulars.settings import read_settings

    settings = read_settings(config)
    show_policy(make_console(), settings, policy.value, reward.value, day_of(since), now_utc())


def outcomes(
    out: Out = Path("outcomes.parquet"),
    since: Since = None,
    config: Config = DEFAULT_CONFIG,
    *,
    contacts: Annotated[
        bool,
        typer.Option(
            "--contacts",
            help="As a contacts table, ready for the settings: [tables.contacts] path = OUT.",
        ),
    ] = False,
) -> None:
    """Write every offer shown and its outcome: clicked, accepted, rejected, earned.

    With --contacts, training can learn from the file once the settings name it.

    Example: regulars outcomes --since 2026-05-01 --out outcomes.csv
    """
    from regulars.console import make_console
    from regulars.reports.policy import write_outcomes
    from regulars.settings import read_settings

    must_be_writable(out)
    settings = read_settings(config)
    write_outcomes(make_console(), settings, out, day_of(since), now_utc(), contacts=contacts)
