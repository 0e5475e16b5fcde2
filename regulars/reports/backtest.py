"""The work of `regulars backtest recommend`: every model and baseline, on several protocols."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Final

import pandas as pd
from rich.console import Console
from rich.markup import escape

from regulars.console import progress_bars, show_frame
from regulars.files import write_frame
from regulars.settings import Settings
from regulars.shop import open_shop

_HEADINGS: Final = {
    "protocol": "protocol", "model": "model", "orders": "orders", "customers": "customers",
    "recall_at_10": "recall@10", "ndcg_at_10": "NDCG@10", "interval": "95 %",
    "phr_at_10": "PHR@10", "mrr_at_10": "MRR@10", "coverage_at_10": "coverage",
}  # fmt: skip
# The models that may be served and the usual baselines: slices of all would fill screens.
_SLICED: Final = ("two_stage", "blend", "frequency", "popular")


def show_backtest(
    console: Console,
    settings: Settings,
    out: Path | None,
    as_of: date | None,
    cutoffs: int,
    now: datetime,
) -> None:
    """Judge all recommenders and print what each reached, with intervals.

    Parameters
    ----------
    out
        Every metric, as CSV or Parquet; none by default.
    cutoffs
        Rolling cutoffs besides the last basket and the last horizon.
    """
    from training.horizons import choose_horizons
    from training.recommend.backtest import backtest_recommend
    from training.recommend.purchases import read_interactions

    with progress_bars(console) as progress, open_shop(settings, now, progress) as shop:
        day = shop.as_of(as_of)
        horizon = choose_horizons(
            shop.engine, shop.prepared, settings.shop, settings.training, day
        ).churn_days
        interactions = read_interactions(shop.engine, shop.prepared, day)
        found = backtest_recommend(interactions, horizon, cutoffs, progress)
    show_frame(console, _headed(found.table), f"As of {day}, {horizon} days ahead")
    shown = found.slices[found.slices["model"].isin(_SLICED)]
    show_frame(console, _headed(shown), "By orders in the history")
    for protocol, rivals in found.comparisons.items():
        for rival, comparison in rivals.items():
            gain = comparison.difference
            console.print(
                f"  {escape(protocol)}: two stages against {escape(rival)}, NDCG@10: "
                f"{gain.value:+.4f} (95 % {gain.low:+.4f} to {gain.high:+.4f}, "
                f"p {'< 0.001' if comparison.p_value < 0.001 else f'= {comparison.p_value:.3f}'})"
            )
    if out is not None:
        write_frame(found.table, out)
        console.print(f"  Wrote {out}")


def _headed(table: pd.DataFrame) -> pd.DataFrame:
    """Return the columns to show, under headings that fit on a screen."""
    printed = table.copy()
    if "ndcg_at_10_low" in printed:
        bounds = zip(printed["ndcg_at_10_low"], printed["ndcg_at_10_high"], strict=True)
        printed["interval"] = [f"{low:.3f} to {high:.3f}" for low, high in bounds]
    if "customers" in printed:
        printed["customers"] = [f"{count:,.0f}" for count in printed["customers"]]
    return printed[[name for name in _HEADINGS if name in printed]].rename(columns=_HEADINGS)
