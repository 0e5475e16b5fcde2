"""The command line: what people type, each command a few lines over the rooms."""

from __future__ import annotations

import os
import sys
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from features.errors import DataError, RegularsError
from regulars import __version__
from regulars.settings import FILE_NAME

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Customer value, churn and the next best offer, from one consistent snapshot.\n\n"
    "Start with `regulars init`, then check, train, score and serve.",
)
score_app = typer.Typer(no_args_is_help=True, help="Score everyone, to Parquet or CSV.")
keys_app = typer.Typer(no_args_is_help=True, help="Keys for the server; kept hashed.")
app.add_typer(score_app, name="score")
app.add_typer(keys_app, name="keys")

Config = Annotated[Path, typer.Option("--config", "-c", help="The shop's settings file.")]
AsOf = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="Use only what was known before this day (UTC)."),
]
Out = Annotated[Path, typer.Option(help="Where to write: .parquet or .csv.")]
Customers = Annotated[
    Path | None, typer.Option(help="Only these: a file with one customer id a line, or a CSV.")
]
DEFAULT_CONFIG = Path(FILE_NAME)


class Job(StrEnum):
    """What can be trained."""

    churn = "churn"
    value = "value"
    recommend = "recommend"
    all = "all"


def main() -> None:
    """Run the command line; errors meant for people are printed without a traceback."""
    # Before numpy and LightGBM load: a BLAS of its own threads only gets in their way, and
    # threads that spin long while they wait make training much slower on a busy machine.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    # MLflow otherwise tells of every table that it migrates.
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    try:
        app(prog_name="regulars")
    except RegularsError as error:
        from regulars.console import show_error

        show_error(error)
        sys.exit(1)


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def _day(moment: datetime | None) -> date | None:
    return None if moment is None else moment.date()


@app.callback(invoke_without_command=True)
def version(
    *, version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False
) -> None:
    """Print the version when asked."""
    if version:
        typer.echo(f"regulars {__version__}")
        raise typer.Exit


@app.command()
def init(
    path: Annotated[Path, typer.Argument(help="Where to write it.")] = DEFAULT_CONFIG,
) -> None:
    """Write a settings file to fill in: which files, and what their columns are called."""
    from regulars.starter import write_starter

    write_starter(path)
    typer.echo(f"Wrote {path}. Fill in the names of your files and columns, then: regulars check")


@app.command()
def simulate(
    folder: Annotated[Path, typer.Argument(help="Where the tables go.")],
    customers: Annotated[int, typer.Option(help="How many customers.")] = 20_000,
    seed: Annotated[int, typer.Option(help="Same seed, same shop.")] = 7,
) -> None:
    """Simulate a shop whose truth is known: orders, browsing, offers, returns, surveys."""
    from features.simulate import ShopPlan
    from regulars.console import make_console
    from regulars.workflow import simulate_shop

    simulate_shop(make_console(), ShopPlan(n_customers=customers, seed=seed), folder)


@app.command()
def check(config: Config = DEFAULT_CONFIG) -> None:
    """Read and check all tables; show what is kept, what is set aside, and why."""
    from regulars.console import make_console
    from regulars.settings import read_settings
    from regulars.workflow import check_shop

    check_shop(make_console(), read_settings(config), _now())


@app.command()
def refresh(
    config: Config = DEFAULT_CONFIG,
    *,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Make everything anew, whatever stands.")
    ] = False,
) -> None:
    """Take in what is new: only new files are read, only what they touch is rolled up again.

    Every other command does the same before it begins; run this nightly to have it done.
    """
    from regulars.console import make_console
    from regulars.settings import read_settings
    from regulars.workflow import refresh_shop

    refresh_shop(make_console(), read_settings(config), _now(), rebuild=rebuild)


@app.command()
def features(
    out: Annotated[
        Path, typer.Option(help="Where to write: .html, or .csv for the figures.")
    ] = Path("features.html"),
    config: Config = DEFAULT_CONFIG,
    as_of: AsOf = None,
    before: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The earlier day to compare with (UTC)."),
    ] = None,
) -> None:
    """Show every feature: meaning, coverage, drift since an earlier day, weight in the models."""
    from regulars.console import make_console
    from regulars.feature_report import show_features
    from regulars.settings import read_settings

    show_features(make_console(), read_settings(config), out, _day(as_of), _day(before), _now())


@app.command()
def vectors(
    out: Annotated[Path, typer.Option(help="A folder; Parquet files are written into it.")] = Path(
        "vectors"
    ),
    config: Config = DEFAULT_CONFIG,
    as_of: Annotated[
        list[datetime] | None,
        typer.Option(formats=["%Y-%m-%d"], help="Only what was known before it; repeatable."),
    ] = None,
) -> None:
    """Write customer vectors: every feature of every customer, at one cutoff or many."""
    from regulars.console import make_console
    from regulars.settings import read_settings
    from regulars.workflow import write_shop_vectors

    days = [moment.date() for moment in as_of or []]
    write_shop_vectors(make_console(), read_settings(config), out, days, _now())


@app.command()
def train(
    job: Annotated[Job, typer.Argument(help="What to train.")] = Job.all,
    config: Config = DEFAULT_CONFIG,
    as_of: AsOf = None,
) -> None:
    """Train on earlier windows, judge on a later one beside baselines, promote what is better."""
    from regulars.console import make_console
    from regulars.settings import read_settings
    from regulars.workflow import train_shop

    train_shop(make_console(), read_settings(config), job.value, _day(as_of), _now())


@score_app.command("customers")
def score_customers(
    out: Out = Path("scores.parquet"),
    config: Config = DEFAULT_CONFIG,
    as_of: AsOf = None,
    customers: Customers = None,
) -> None:
    """Churn probability, value, tier, segment, stage and value at risk of every customer."""
    from regulars.console import make_console
    from regulars.settings import read_settings
    from regulars.workflow import score_customers_to

    _must_be_writable(out)
    score_customers_to(make_console(), read_settings(config), out, _day(as_of), customers, _now())


@score_app.command("recommendations")
def score_recommendations(
    out: Out = Path("recs.parquet"),
    n: Annotated[int, typer.Option("--n", min=1, max=100, help="Products per customer.")] = 20,
    config: Config = DEFAULT_CONFIG,
    as_of: AsOf = None,
    customers: Customers = None,
) -> None:
    """Each customer's best products for the next order, with rank and score."""
    from regulars.console import make_console
    from regulars.settings import read_settings
    from regulars.workflow import score_recommendations_to

    _must_be_writable(out)
    score_recommendations_to(
        make_console(), read_settings(config), out, n, _day(as_of), customers, _now()
    )


@app.command()
def serve(
    config: Config = DEFAULT_CONFIG,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port to listen on.")] = None,
) -> None:
    """Serve recommendations, offers and scores over HTTP; documentation at /docs."""
    from regulars.settings import read_settings
    from regulars.workflow import serve_shop

    serve_shop(read_settings(config), host, port)


@app.command()
def ui(
    config: Config = DEFAULT_CONFIG,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 5000,
) -> None:
    """Open MLflow on this shop's runs and models."""
    from regulars.settings import read_settings
    from regulars.workflow import open_mlflow

    open_mlflow(read_settings(config), port)


@app.command()
def demo(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to serve on.")] = 8000,
    customers: Annotated[int, typer.Option(help="Customers of the simulated shop.")] = 20_000,
    config: Config = Path("examples/simulated_shop/regulars.toml"),
) -> None:
    """Simulate a shop, check, train, promote and serve it: the whole walk in one command."""
    from regulars.demo import run_demo

    run_demo(config, customers, port, _now())


@keys_app.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="Whose key it is.")],
    scope: Annotated[list[str], typer.Option(help="storefront, retention or admin; repeatable.")],
    keys: Annotated[Path, typer.Option(help="The file of hashed keys.")] = Path("keys.json"),
) -> None:
    """Create a key and print it once; only its hash is kept."""
    from serving.keys import create_key as make_key

    plaintext = make_key(keys, name, scope)  # type: ignore[arg-type]  # checked there
    typer.echo(f"{plaintext}\nKept hashed in {keys}; it cannot be shown again.")


def _must_be_writable(out: Path) -> None:
    """Refuse an unknown kind of file before the work, not after it."""
    if out.suffix not in {".parquet", ".csv"}:
        raise DataError(f"cannot write {out}: unknown kind {out.suffix!r}", "use .parquet or .csv")
    if not out.resolve().parent.is_dir():
        raise DataError(f"there is no folder {out.resolve().parent}", "create it first")
