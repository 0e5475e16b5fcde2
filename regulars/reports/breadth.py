"""The command behind `regulars cross-sell-effect`: whether customers who hold more leave less."""

from __future__ import annotations

import pandas as pd
from rich.console import Console
from rich.markup import escape

from features.errors import BundleError
from models.bundle import current_version, read_manifest
from models.uplift.breadth import BreadthEffect
from regulars.console import show_frame
from regulars.settings import Settings


def show_breadth(console: Console, settings: Settings) -> None:
    """Print raw beside adjusted for each step, as published.

    Raises
    ------
    BundleError
        Nothing is published.
    """
    version = current_version(settings.bundles) if settings.bundles.is_dir() else None
    if version is None:
        raise BundleError(f"there is no bundle in {settings.bundles}", "run `regulars train` first")
    manifest = read_manifest(settings.bundles / version)
    if not manifest.breadth:
        console.print(
            "  No step can be judged: each needs 20 customers with either number held who left, "
            "and 20 who stayed"
        )
        return
    title = f"Change in P(churned) within {manifest.horizon_days} days by holding one more"
    show_frame(console, breadth_table(manifest.breadth), title)
    for effect in manifest.breadth:
        console.print(f"  {escape(effect.says)}: {escape(effect.because)}.")
    console.print(
        "  Nobody drew by lot who holds what: at best the evidence is observational. An offer of "
        "something new to the customer counts on the fall above, over the days of this horizon; "
        "where the adjusted interval holds zero, on nothing."
    )


def breadth_table(effects: tuple[BreadthEffect, ...]) -> pd.DataFrame:
    """Return one row per step, each change with its 95 % interval: written for people."""
    return pd.DataFrame(
        [
            {
                "holding": f"{effect.held} to {effect.held + 1} {effect.what}",
                "customers": f"{effect.customers:,}",
                "as found": _change(effect.raw, effect.raw_low, effect.raw_high),
                "adjusted": _change(effect.adjusted, effect.adjusted_low, effect.adjusted_high),
            }
            for effect in effects
        ]
    )


def _change(effect: float, low: float, high: float) -> str:
    return f"{effect:+.1%} ({low:+.1%} to {high:+.1%})"
