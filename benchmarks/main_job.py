"""The main job on UCI Online Retail II, split by time, beside its baselines.

Everything is learned from what was known before 10 September 2011: training windows end by
then. The models are then judged once on the 90 days that follow, to the end of the data;
recommendations on each customer's first order in them.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace

import pandas as pd
from rich.console import Console

from benchmarks.online_retail_jobs import HORIZON_DAYS, trained
from benchmarks.table import Op, Row, metric_row, report
from regulars.console import show_frame

_JOBS = ("churn", "value", "recommend")


def scorecards(console: Console) -> Mapping[str, pd.DataFrame]:
    """Train every job as of the end of the data and return their scorecards."""
    return {job: report.scorecard for job, report in trained(console, _JOBS).items()}


def rows(cards: Mapping[str, pd.DataFrame]) -> list[Row]:
    """Compare the scorecards with the bars."""

    def row(job: str, metric: str, op: Op, bar: float) -> Row:
        return metric_row(cards[job], job, metric, op, bar)

    bias = row("value", "total_bias", "<=", 0.10)
    recommended = [row("recommend", metric, ">", 0.0) for metric in ("recall_at_10", "ndcg_at_10")]
    return [
        row("churn", "roc_auc", ">=", 0.775),
        row("churn", "average_precision", ">=", 0.74),
        row("churn", "ece", "<=", 0.03),
        row("value", "normalised_gini", ">=", 0.79),
        row("value", "spearman", ">=", 0.55),
        replace(bias, what="value |total_bias|", value=abs(bias.value)),
        # The bar is the best baseline of the same run.
        *(replace(each, bar=max(each.beside.values())) for each in recommended),
    ]


def main() -> None:
    """Train, judge, print."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    console = Console(width=150, highlight=False)
    cards = scorecards(console)
    for job, card in cards.items():
        first_ten = card.loc[:, [name for name in card if not str(name).endswith("_20")]]
        shown = first_ten.round(4).rename_axis("model").reset_index()
        show_frame(console, shown, f"{job}: every metric")
    title = f"UCI Online Retail II: cutoff 2011-09-10, {HORIZON_DAYS} days ahead"
    report("main_job", title, rows(cards))


if __name__ == "__main__":
    main()
