"""Commands that run the server, MLflow or the demo, and that create keys."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from regulars.commands.options import DEFAULT_CONFIG, SERVING, Config, now_utc


def add_to(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    keys_app = typer.Typer(
        no_args_is_help=True, help="API keys for the server; only their hashes are kept."
    )
    app.add_typer(keys_app, name="keys", rich_help_panel=SERVING)
    app.command(rich_help_panel=SERVING)(serve)
    app.command(rich_help_panel=SERVING)(ui)
    app.command(rich_help_panel=SERVING)(demo)
    keys_app.command("create")(create_key)
    keys_app.command("revoke")(revoke_key)


def serve(
    config: Config = DEFAULT_CONFIG,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; by default [serving] host, 127.0.0.1.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Port to listen on; by default [serving] port, 8000."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Worker processes; by default [serving] workers, 1.")
    ] = None,
) -> None:
    """Serve recommendations, offers and scores over HTTP; documentation at /docs.

    One line of JSON is printed for each request. Ctrl+C stops the server after the requests in
    progress are answered.

    Example: regulars serve --port 8080 --workers 4
    """
    from regulars.server import serve_shop
    from regulars.settings import read_settings

    settings = read_settings(config)
    address = f"http://{host or settings.serving.host}:{port or settings.serving.port}"
    # Standard output is the log.
    typer.echo(f"Starting {settings.shop.name} on {address}, documentation at /docs", err=True)
    serve_shop(settings, host, port, workers)


def ui(
    config: Config = DEFAULT_CONFIG,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 5000,
) -> None:
    """Serve MLflow's pages on this shop's runs and models, on this machine only, until Ctrl+C.

    Example: regulars ui --port 5001
    """
    from regulars.mlflow_server import serve_mlflow
    from regulars.settings import read_settings

    serve_mlflow(read_settings(config), port)


def demo(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to serve on.")] = 8000,
    customers: Annotated[
        int, typer.Option(help="Number of customers of the simulated shop.")
    ] = 20_000,
    config: Config = Path("examples/simulated_shop/regulars.toml"),
) -> None:
    """Simulate a shop, then check, train, publish and serve it, in one command.

    Takes a few minutes the first time; a second run goes straight to serving. Ctrl+C stops it.

    Example: regulars demo --customers 2000 --port 8001
    """
    from regulars.demo import run_demo

    run_demo(config, customers, port, now_utc())


def create_key(
    name: Annotated[str, typer.Argument(help="Who the key is for.")],
    scope: Annotated[list[str], typer.Option(help="storefront, retention or admin; repeatable.")],
    keys: Annotated[Path, typer.Option(help="The file of hashed keys.")] = Path("keys.json"),
    requests_per_second: Annotated[
        float | None, typer.Option(min=0.1, help="Limit in each worker; none by default.")
    ] = None,
) -> None:
    """Create a key and print it once; only its hash is kept.

    Example: regulars keys create webshop --scope storefront --requests-per-second 50
    """
    from serving.http.keys import create_key as make_key

    plaintext = make_key(keys, name, scope, requests_per_second)  # type: ignore[arg-type]  # checked there
    typer.echo(f"{plaintext}\nOnly its hash is kept, in {keys}: it cannot be shown again.")


def revoke_key(
    name: Annotated[str, typer.Argument(help="Whose key it is.")],
    keys: Annotated[Path, typer.Option(help="The file of hashed keys.")] = Path("keys.json"),
) -> None:
    """Revoke a key: running servers refuse it within about a second.

    Example: regulars keys revoke webshop
    """
    from serving.http.keys import revoke_key as take_out

    take_out(keys, name)
    typer.echo(f"{name} is no longer in {keys}.")
