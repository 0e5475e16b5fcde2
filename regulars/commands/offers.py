"""Commands about offers: check them, put them into the bundle."""

from __future__ import annotations

import typer

from regulars.commands.options import DECISIONS, DEFAULT_CONFIG, Config, now_utc


def add_to(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    offers_app = typer.Typer(no_args_is_help=True, help="Offers: their rules, gates and caps.")
    app.add_typer(offers_app, name="offers", rich_help_panel=DECISIONS)
    offers_app.command("check")(check)
    offers_app.command("apply")(apply)


def check(config: Config = DEFAULT_CONFIG) -> None:
    """Check every offer's rules, print them, and count the customers who pass each gate.

    Reads the file named in [serving] offers; nothing is changed.

    Example: regulars offers check
    """
    from regulars.console import make_console
    from regulars.offers import check_offers
    from regulars.settings import read_settings

    check_offers(make_console(), read_settings(config), now_utc())


def apply(config: Config = DEFAULT_CONFIG) -> None:
    """Put changed offers into a copy of the current bundle, without training, and serve it.

    Running servers switch to it within about a second.

    Example: regulars offers apply
    """
    from regulars.console import make_console
    from regulars.offers import apply_offers
    from regulars.settings import read_settings

    apply_offers(make_console(), read_settings(config), now_utc())
