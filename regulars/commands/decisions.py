"""Commands that decide: each customer's best action, and whom to contact to retain them."""

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
    now_utc,
)
from regulars.paths import must_be_writable

_NOW = "now"

AsOfOrNow = Annotated[
    str,
    typer.Option(
        help="now, or a day such as 2026-06-01: decide with the newest bundle as of that day."
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
        str, typer.Option(help="web, app, store, email, or another channel of the offers' policy.")
    ] = "email",
    as_of: AsOfOrNow = _NOW,
) -> None:
    """Choose the action worth most for each customer, in money, and show every term.

    Offers pass their rules and the contact policy first. An offer is worth P(accept) x margin +
    uplift x remaining value - what it gives away - what the contact costs. Doing nothing is worth
    0 and is chosen if no offer is worth more. Nothing is sent and no contact is logged: this is
    the list to act on.

    Scores are those of the bundle. A server that rescores also uses newer scores, and may decide
    differently for a customer who was rescored.

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
        int | None,
        typer.Option(min=1, help="Contact at most this many customers; by default no limit."),
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Spend at most this on contacts and expected incentives; by default no limit.",
        ),
    ] = None,
    customers: Customers = None,
    as_of: AsOfOrNow = _NOW,
) -> None:
    """List the customers to contact, with the offer and channel, for the best use of a budget.

    A customer is listed if P(order | contacted) x (margin - incentive) - contact cost is more than
    P(order | not contacted) x margin; the list maximises the sum of these differences. That needs
    campaigns with customers held out at random (contacts with treated = false) and
    `regulars train uplift`; without them the list is ranked by value at risk, and says so.

    At least one of --contacts and --budget is required. Scores are those of the bundle, as for
    `regulars decide`.

    Example: regulars retention-list --contacts 500 --out list.csv
    """
    from regulars.console import make_console
    from regulars.decisions import retention_list_to
    from regulars.settings import read_settings
    from serving.decisions.bulk.budget import Limits

    must_be_writable(out)
    if contacts is None and budget is None:
        raise DataError(
            "without a limit the list would hold everyone worth contacting",
            "add --contacts N, --budget MONEY, or both",
        )
    limits = Limits(contacts=contacts, money=budget)
    retention_list_to(
        make_console(), read_settings(config), out, limits, customers, _day(as_of), now_utc()
    )


def why(
    customer: Annotated[
        str, typer.Argument(help="Customer id; leave it out with --decision.")
    ] = "",
    config: Config = DEFAULT_CONFIG,
    channel: Annotated[str, typer.Option(help="Channel, as for decide.")] = "email",
    offer: Annotated[str | None, typer.Option(help="Show this offer only; by default all.")] = None,
    decision: Annotated[
        str | None, typer.Option(help="Show a logged decision, by its decision_id.")
    ] = None,
    as_of: AsOfOrNow = _NOW,
) -> None:
    """Show why a customer gets one offer and not another: every gate, rule and money term.

    Decides with the scores of the bundle, now or as on a day, and logs nothing. With --decision it
    explains a logged decision instead.

    Example: regulars why C0007804 --channel email --offer winback-15
    """
    from regulars.console import make_console
    from regulars.reports.offer_trace import show_decision, show_logged_decision
    from regulars.settings import read_settings

    console, settings = make_console(), read_settings(config)
    if decision is not None:
        show_logged_decision(console, settings, decision, offer)
    elif customer:
        show_decision(console, settings, customer, channel, _day(as_of), now_utc(), offer)
    else:
        raise DataError("no customer is named", "name one: `regulars why CUSTOMER`")


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
