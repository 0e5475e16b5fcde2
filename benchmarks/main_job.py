"""The main job on UCI Online Retail II, split by time, beside honest baselines.

Everything is learned from what was known before 10 September 2011: training windows end by
then. The models are then judged once on the 90 days that follow, to the end of the data;
recommendations on each customer's first order in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import pandas as pd
from rich.console import Console

from benchmarks.online_retail_jobs import HORIZON_DAYS, trained
from benchmarks.table import Row, report
from regulars.console import show_frame

_JOBS = ("churn", "value", "recommend")


def scorecards(console: Console) -> Mapping[str, pd.DataFrame]:
    """Train every job as of the end of the data and return their scorecards."""
    return {job: report.scorecard for job, report in trained(console, _JOBS).items()}


def rows(cards: Mapping[str, pd.DataFrame]) -> list[Row]:
    """Hold the scorecards against the bars."""

    def ours(job: str, metric: str) -> float:
        return float(cards[job][metric].to_dict()[job])

    def beside(job: str, metric: str) -> dict[str, float]:
        rivals = cards[job].drop(index=job)[metric].dropna()
        return {str(name): float(value) for name, value in rivals.items()}

    def row(job: str, metric: str, op: Literal[">=", "<="], bar: float) -> Row:
        return Row(f"{job} {metric}", ours(job, metric), op, bar, beside(job, metric))

    recommended = [
        Row(f"recommend {metric}", ours("recommend", metric), ">", max(rivals.values()), rivals)
        for metric in ("recall_at_10", "ndcg_at_10")
        if (rivals := beside("recommend", metric))
    ]
    bias = Row(
        "value |total_bias|", abs(ours("value", "total_bias")), "<=", 0.10,
        beside("value", "total_bias"),
    )  # fmt: skip
    return [
        row("churn", "roc_auc", ">=", 0.775),
        row("churn", "average_precision", ">=", 0.74),
        row("churn", "ece", "<=", 0.03),
        row("value", "normalised_gini", ">=", 0.79),
        row("value", "spearman", ">=", 0.55),
        bias,
        *recommended,
    ]


def main() -> None:
    """Train, judge, print."""
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
