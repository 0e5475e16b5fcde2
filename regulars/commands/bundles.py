"""Commands about bundles: publish one, list them, and choose the one that is served."""

from __future__ import annotations

from typing import Annotated

import typer

from regulars.commands.options import DEFAULT_CONFIG, SERVING, AsOf, Config, day_of, now_utc


def add_to(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    bundles_app = typer.Typer(
        no_args_is_help=True, help="Bundles: the snapshots that the server answers from."
    )
    app.add_typer(bundles_app, name="bundles", rich_help_panel=SERVING)
    bundles_app.command("publish")(publish_bundle)
    bundles_app.command("list")(list_bundles)
    bundles_app.command("activate")(activate_bundle)


def publish_bundle(config: Config = DEFAULT_CONFIG, as_of: AsOf = None) -> None:
    """Publish a bundle of what the tables say now: orders, stock, prices, offers; no training.

    New files are read first, as by `regulars refresh`; then everyone is scored by the models in
    use. Running servers switch to it within about a second. Meant for every night, or whenever
    stock has changed.

    Example: regulars bundles publish
    """
    from regulars.console import make_console
    from regulars.publish_shop import publish_shop
    from regulars.settings import read_settings

    publish_shop(make_console(), read_settings(config), day_of(as_of), now_utc())


def list_bundles(config: Config = DEFAULT_CONFIG) -> None:
    """List the bundles, oldest first; an asterisk marks the one that is served.

    Example: regulars bundles list
    """
    from models.bundle.folder import current_version, list_versions, read_manifest
    from regulars.settings import read_settings

    root = read_settings(config).bundles
    current, versions = current_version(root), list_versions(root)
    if not versions:
        typer.echo(f"There are no bundles in {root} yet: `regulars train` publishes one.")
    for version in versions:
        manifest = read_manifest(root / version)
        mark = "*" if version == current else " "
        typer.echo(
            f"{mark} {version}  as of {manifest.as_of}  made {manifest.created_at:%Y-%m-%d %H:%M}"
        )


def activate_bundle(
    version: Annotated[str, typer.Argument(help="A version that `regulars bundles list` shows.")],
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Serve another bundle, or an earlier one; running servers switch within about a second.

    Its checksums are verified first. No request fails: each is answered from the bundle that was
    served when it arrived.

    Example: regulars bundles activate 20260601-20260601T040000-churn.3-value.2-recommend.5
    """
    from models.bundle.folder import activate, current_version, read_bundle
    from models.bundle.manifest import checked_version
    from regulars.settings import read_settings

    root = read_settings(config).bundles
    read_bundle(root / checked_version(version))
    before = current_version(root)
    activate(root, version)
    typer.echo(f"Now serving {version}; before: {before or 'none'}")
