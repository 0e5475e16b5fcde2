"""The command that scores customers again from what was sent since the bundle was made."""

from __future__ import annotations

from typing import Annotated

import typer

from regulars.commands.options import DEFAULT_CONFIG, SERVING, Config


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(rich_help_panel=SERVING)(rescore)


def rescore(
    config: Config = DEFAULT_CONFIG,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on until interrupted, looking every 3 seconds.")
    ] = False,
) -> None:
    """Score whoever bought, looked or answered since the bundle, with the bundle's own models.

    `regulars serve` does so by itself, in a process beside its workers: this command is for one
    that serves without (`[serving] rescore = false`), such as several machines with one store,
    of which one rescores:

        regulars rescore            # whoever waits, once
        regulars rescore --watch    # within a minute of every event, until interrupted

    It needs the registry (mlruns/), the workspace with its bundles and roll-ups, and the store of
    events. It goes on where it was, and reads no new files: that is `regulars refresh`.
    """
    from regulars.console import make_console
    from regulars.rescoring.child import rescore_forever, rescore_once
    from regulars.settings import read_settings

    console, settings = make_console(), read_settings(config)
    if watch:
        rescore_forever(settings, lambda step: console.print(f"  {step.words}"))
        return
    for step in rescore_once(settings):
        console.print(f"  {step.words}")
