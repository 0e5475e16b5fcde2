"""The work of `regulars cross-sell-effect`: whether customers who hold more leave less often."""

from __future__ import annotations

import pandas as pd
from rich.console import Console
from rich.markup import escape

from models.bundle.folder import read_manifest
from models.uplift.breadth import BreadthEffect
from regulars.console import show_frame
from regulars.server import served_version
from regulars.settings import Settings


def show_breadth(console: Console, settings: Settings) -> None:
    """Print each step's raw and adjusted effect, as published.

    Raises
    ------
    BundleError
        No bundle is published.
    """
    manifest = read_manifest(settings.bundles / served_version(settings))
    if not manifest.breadth:
        console.print(
            "  No step can be judged: each needs 20 customers who left and 20 who stayed, at "
            "either number of products held"
        )
        return
    title = f"Change in P(churned) within {manifest.horizon_days} days by holding one more"
    show_frame(console, _breadth_table(manifest.breadth), title)
    for effect in manifest.breadth:
        console.print(f"  {escape(effect.says)}: {escape(effect.because)}.")
    console.print(
        "  Who holds what was not randomised: the evidence is observational at best. An offer of "
        "something new to the customer is credited with the adjusted change, over this horizon; "
        "where its interval contains zero, with nothing."
    )


def _breadth_table(effects: tuple[BreadthEffect, ...]) -> pd.DataFrame:
    """Return one row per step, as text: each change with its 95 % interval."""
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
