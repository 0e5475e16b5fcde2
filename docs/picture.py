"""Draw docs/answer.png: one customer as the running server answers. Usage: make picture."""

from __future__ import annotations

import json
import sys
import urllib.request
from pathlib import Path
from textwrap import fill
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

_GREEN, _RED, _INK = "#0b6e4f", "#b3261e", "#1f2a26"


def ask(base: str, path: str) -> Any:
    """Return the JSON of one GET."""
    with urllib.request.urlopen(f"{base}{path}", timeout=10) as response:
        return json.load(response)


def draw_drivers(axes: Axes, customer: dict[str, Any]) -> None:
    """Show what pushes the churn score up (red) and down (green)."""
    drivers = customer["drivers"][::-1]
    words = [fill(driver["text"].rsplit(" (", 1)[0], 38) for driver in drivers]
    effects = [driver["effect"] for driver in drivers]
    axes.barh(words, effects, 0.6, color=[_RED if effect > 0 else _GREEN for effect in effects])
    axes.axvline(0, color=_INK, linewidth=0.8)
    axes.set_title("Why: effect on the churn score", loc="left", fontsize=10, pad=12)


def draw_offers(axes: Axes, offers: dict[str, Any]) -> None:
    """Show what each offer is worth, in money."""
    items = offers["items"][:4][::-1]
    names = [fill(item["name"] or "do nothing", 26) for item in items]
    currency = items[0]["terms"]["currency"]
    axes.barh(names, [item["terms"]["offer_value"] for item in items], 0.6, color=_GREEN)
    axes.set_title(f"Next best offers: gain in {currency}", loc="left", fontsize=10, pad=12)


def draw_products(axes: Axes, products: list[tuple[str, str]]) -> None:
    """List recommended products with their reasons."""
    axes.axis("off")
    axes.set_title("Recommended, with reasons", loc="left", fontsize=10, pad=12)
    for place, (name, reason) in enumerate(products):
        axes.text(0, 0.88 - 0.3 * place, name, fontsize=10, fontweight="bold", color=_INK)
        axes.text(0, 0.85 - 0.3 * place, fill(reason, 42), va="top", fontsize=9, color="#5b6a64")


def main(base: str) -> None:
    """Ask about the best customer at risk, the one with most value to lose; draw the answers."""
    row = ask(base, "/v1/churn?stage=at_risk&tier=top_10&limit=1")["items"][0]
    path = f"/v1/customers/{row['customer_id']}"
    customer, offers = ask(base, path), ask(base, f"{path}/next-best-offer?n=20")
    named = {item["product_id"]: item["name"] for item in offers["items"]}
    listed = ask(base, f"{path}/recommendations?n=3&explain=true")["items"]
    products = [
        (named.get(item["product_id"], item["product_id"]), item["reasons"][0]["text"])
        for item in listed
    ]
    figure = Figure(figsize=(13, 4.0), layout="constrained", facecolor="white")
    figure.suptitle(
        f"{row['customer_id']}   churn {row['churn_probability']:.0%}   "
        f"value at risk {row['value_at_risk']:,.0f} {offers['definition']['currency']}   "
        f"{row['segment'].replace('_', ' ')}, {row['stage'].replace('_', ' ')}, "
        f"last order {row['days_since_last_order']} days ago",
        x=0.01, ha="left", fontsize=13, fontweight="bold", color=_INK,
    )  # fmt: skip
    grid = figure.subplots(1, 3, width_ratios=[1, 1, 1.15])
    draw_drivers(grid[0], customer)
    draw_offers(grid[1], offers)
    draw_products(grid[2], products)
    for axes in grid[:2]:
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
        axes.locator_params(axis="x", nbins=4)
    out = Path(__file__).with_name("answer.png")
    figure.savefig(out, dpi=110)
    print(f"Wrote {out}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000")
