"""Commands that decide: each customer's best action, and whom to contact to keep them."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from features.errors import DataError
from regulars.commands.options import (
    DECISIONS,
    DEFAULT_CONFIG,
    Config,
    Customers,
    Out,
    must_be_writable,
    now_utc,
)

_NOW = "now"

Moment = Annotated[
    str,
    typer.Option(
        help="now, or a day (2026-06-01): as then, by the newest bundle that knew nothing later."
    ),
]


def add_to(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command(rich_help_panel=DECISIONS)(decide)
    app.command(rich_help_panel=DECISIONS)(why)
    app.command("retention-list", rich_help_panel=DECISIONS)(retention_list)


def decide(
    out: Out = Path("decisions.parquet"),
    config: Config = DEFAULT_CONFIG,
    customers: Customers = None,
    channel: Annotated[
        str, typer.Option(help="By which way: web, app, store, email or one of the offers' policy.")
    ] = "email",
    as_of: Moment = _NOW,
) -> None:
    """Choose the action worth most for each customer, in money, and show every term.

    Offers pass their rules and the contact policy first; what they are worth is P(accept) x
    margin + uplift x remaining value - what they give away - what the contact costs. Doing
    nothing is worth 0 and wins where nothing is worth more. Nothing is sent and no contact is
    written down: this is the list to act on.

    Example: regulars decide --customers march.csv --channel email --out decisions.parquet
    """
    from regulars.console import make_console
    from regulars.decisions import decide_to
    from regulars.settings import read_settings

    must_be_writable(out)
    decide_to(
        make_console(), read_settings(config), out, customers, channel, _day(as_of), now_utc()
    )


def retention_list(
    out: Out = Path("retention.csv"),
    config: Config = DEFAULT_CONFIG,
    contacts: Annotated[
        int | None, typer.Option(min=1, help="Contact at most so many customers.")
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(min=0, help="Spend at most so much money: contacts and incentives expected."),
    ] = None,
    customers: Customers = None,
    as_of: Moment = _NOW,
) -> None:
    """List whom to contact, with what and how, for the best use of contacts or money.

    A customer is on it when P(order | contacted) x (margin - incentive) - contact cost is more
    than P(order | left alone) x margin, and the list makes the most of the difference. That
    takes campaigns with customers held out by lot (contacts with treated = false) and
    `regulars train uplift`; without them it ranks by value at risk, and says so.

    Example: regulars retention-list --contacts 500 --out list.csv
    """
    from regulars.console import make_console
    from regulars.decisions import retention_list_to
    from regulars.settings import read_settings
    from serving.decisions.bulk.budget import Limits

    must_be_writable(out)
    if contacts is None and budget is None:
        raise DataError(
            "without a limit the list would be everyone worth contacting",
            "say --contacts N, --budget MONEY, or both",
        )
    limits = Limits(contacts=contacts, money=budget)
    retention_list_to(
        make_console(), read_settings(config), out, limits, customers, _day(as_of), now_utc()
    )


def why(
    customer: Annotated[str, typer.Argument(help="Whose; left out with --decision.")] = "",
    config: Config = DEFAULT_CONFIG,
    channel: Annotated[str, typer.Option(help="By which way, as for decide.")] = "email",
    offer: Annotated[str | None, typer.Option(help="Tell of this offer alone.")] = None,
    decision: Annotated[
        str | None, typer.Option(help="Tell of this decision of the log, by its decision_id.")
    ] = None,
    as_of: Moment = _NOW,
) -> None:
    """Tell why a customer is made one offer and not another: each gate, rule and term of money.

    Decides as the server would, now or as on a day, and logs nothing; or reads back a decision
    that was logged.

    Example: regulars why C0008970 --channel email --offer winback-15
    """
    from regulars.console import make_console
    from regulars.reports.offer_trace import decide_and_tell, tell_logged
    from regulars.settings import read_settings

    console, settings = make_console(), read_settings(config)
    if decision is not None:
        tell_logged(console, settings, decision, offer)
    elif customer:
        decide_and_tell(console, settings, customer, channel, _day(as_of), now_utc(), offer)
    else:
        raise DataError("nobody is named", "say whose decision: `regulars why CUSTOMER`")


def _day(moment: str) -> date | None:
    """Return the day asked for; None for now."""
    if moment == _NOW:
        return None
    try:
        return date.fromisoformat(moment)
    except ValueError as error:
        raise DataError(
            f"--as-of {moment} is not a day", "write now, or a day as 2026-06-01"
        ) from error
