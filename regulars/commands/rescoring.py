"""The command that scores customers again from events sent since the bundle was made."""

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
        bool,
        typer.Option("--watch", help="Look for events every 3 seconds until interrupted."),
    ] = False,
) -> None:
    """Score customers with events since the bundle was made, with the bundle's own models.

    `regulars serve` does this by itself, in a process beside its workers. Use this command if it
    does not (`[serving] rescore = false`), for example where several machines share one store.
    Without --watch every customer with new events is scored once; with it customers are scored
    within a minute of their events.

    It needs the registry (mlruns/), the workspace with its bundles and roll-ups, and the store of
    events. It resumes where it stopped. It reads no new files: `regulars refresh` does.

    Example: regulars rescore --watch
    """
    from regulars.console import make_console
    from regulars.rescoring.child import rescore_forever, rescore_once
    from regulars.settings import read_settings

    console, settings = make_console(), read_settings(config)
    if watch:
        rescore_forever(settings, lambda step: console.print(f"  {step.summary}"))
        return
    for step in rescore_once(settings):
        console.print(f"  {step.summary}")
