"""The command line."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from features.errors import RegularsError
from features.wording import own_words
from regulars import __version__
from regulars.commands import (
    bundles,
    data,
    decisions,
    evaluate,
    experiments,
    models,
    offers,
    reasons,
    rescoring,
    running,
)


class _InOwnWords(TyperGroup):
    """The commands; what is wrong with a word that was typed is said without Pydantic's words."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was typed."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = own_words(error.message)
            raise


app = typer.Typer(
    cls=_InOwnWords,
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    # In Rich's own markup [serving] would be a style, and vanish.
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="Customer value, churn and the next best offer, from one consistent snapshot.\n\n"
    "To look around on a simulated shop: `regulars demo`. With your own data: `regulars init`, "
    "then check, train, score and serve.",
)
for commands in (
    *(data, models, reasons, offers, decisions, evaluate, experiments),
    *(running, bundles, rescoring),
):
    commands.add_to(app)


def main() -> None:
    """Run the command line; errors meant for people are printed without a traceback."""
    # Set before numpy and LightGBM load: BLAS threads compete with LightGBM's, and threads that
    # spin for long while they wait make training much slower on a busy machine.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    # Otherwise MLflow logs every table that it migrates.
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    try:
        app(prog_name="regulars")
    except RegularsError as error:
        from regulars.console import show_error

        show_error(error)
        sys.exit(1)


@app.callback(invoke_without_command=True)
def version(
    *, version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False
) -> None:
    """Print the version when asked."""
    if version:
        typer.echo(f"regulars {__version__}")
        raise typer.Exit
