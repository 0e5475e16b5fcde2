"""A value horizon that the history cannot teach, judged where it later could.

UCI Online Retail II at 12 June 2011: one model learns 180 days, another 90 alone and goes on to
180 as BG/NBD predicts. Both know what was known on that day; the 180 days that followed judge.
The least that extrapolation must do is to beat what BG/NBD with Gamma-Gamma says by itself, and
to stay near the model that could learn the horizon.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from rich.console import Console

from benchmarks.online_retail_jobs import END, opened
from benchmarks.table import Row
from features.settings import ShopSettings
from models.churn_value.extrapolation import Extension
from models.churn_value.forecast import Forecast, forecast
from models.churn_value.value import ValueModel
from models.metrics.classification import rank_auc
from models.metrics.value import value_scorecard
from regulars.console import progress_bars
from training.baselines import btyd_baseline, fit_outlook
from training.dataset import Dataset, KnownOutcomes, known_outcomes, split_by_cutoffs
from training.settings import TrainingSettings
from training.table import TrainingTable, build_table
from training.value import is_covered
from training.windows import Windows, plan_windows

TAUGHT_DAYS, ASKED_DAYS = 90, 180
_SHORTER = (30, 60, TAUGHT_DAYS)
_HORIZONS = (*_SHORTER, 120, ASKED_DAYS)


@dataclass(frozen=True)
class Compared:
    """What each model reached on the same 180 days, by metric."""

    learned: dict[str, float]
    extrapolated: dict[str, float]
    bg_nbd: dict[str, float]


def compare(table: TrainingTable, asked: Windows, taught: Windows, shop: ShopSettings) -> Compared:
    """Fit both models at ``asked.test``, where ``taught`` ends, and judge them."""
    data = split_by_cutoffs(table, asked, shop)
    places = [table.horizons_days.index(days) for days in _SHORTER]
    short = replace(
        table, horizons_days=_SHORTER, silent=table.silent[:, places],
        margin=table.margin[:, places],
    )  # fmt: skip
    learned = _fitted(data.known_at_test, ASKED_DAYS, data)
    shorter = _fitted(known_outcomes(short, taught, asked.test), TAUGHT_DAYS, data)
    outlook = fit_outlook(data.histories)
    if outlook is None:
        raise RuntimeError("the shop's histories fit no BG/NBD")
    customers = data.test.vectors
    further = Extension(outlook, ASKED_DAYS, shop.discount_rate)
    alone = btyd_baseline(outlook, customers, ASKED_DAYS, shop.discount_rate)["margin"]
    return Compared(
        _measured(forecast(learned.buys_, learned, customers), data),
        _measured(forecast(shorter.buys_, shorter, customers, further), data),
        value_scorecard(data.test.margin, alone.to_numpy()),
    )


def rows(console: Console) -> list[Row]:
    """Train, judge, and return the bars."""
    with progress_bars(console) as progress, opened(progress) as shop:
        settings, training = shop.settings.shop, TrainingSettings()
        days = {"step_days": training.step_days, "warm_up_days": training.warm_up_days}
        asked = plan_windows(shop.prepared.first_day, END, ASKED_DAYS, **days)
        taught = plan_windows(shop.prepared.first_day, asked.test, TAUGHT_DAYS, **days)
        table = build_table(
            shop.engine, shop.prepared, settings, [asked, taught], _HORIZONS, progress
        )
    return compared_with_bars(compare(table, asked, taught, settings))


def compared_with_bars(found: Compared) -> list[Row]:
    """Compare the extrapolation with the model that learned the horizon, and with BG/NBD."""
    what = f"value over {ASKED_DAYS} days extrapolated from {TAUGHT_DAYS}"

    def beside(metric: str) -> dict[str, float]:
        others = {"learned": found.learned, "bg_nbd_gamma_gamma": found.bg_nbd}
        return {name: scores[metric] for name, scores in others.items() if metric in scores}

    ours = found.extrapolated
    return [
        Row(f"{what}: normalised Gini", ours["normalised_gini"], ">=",
            found.learned["normalised_gini"] - 0.02, beside("normalised_gini")),
        Row(f"{what}: Spearman", ours["spearman"], ">", found.bg_nbd["spearman"],
            beside("spearman")),
        Row(f"{what}: |total bias|", abs(ours["total_bias"]), "<=",
            abs(found.bg_nbd["total_bias"]),
            {"signed": ours["total_bias"], **beside("total_bias")}),
        Row(f"{what}: ROC AUC of silence", ours["roc_auc"], ">=",
            found.learned["roc_auc"] - 0.01, beside("roc_auc")),
        Row(f"{what}: interval coverage, wide on purpose", ours["interval_coverage"], ">=", 0.87,
            beside("interval_coverage")),
    ]  # fmt: skip


def _fitted(taught: KnownOutcomes, horizon_days: int, data: Dataset) -> ValueModel:
    return ValueModel(horizon_days).fit_outcomes(taught.outcomes, taught.margin, data.columns)


def _measured(said: Forecast, data: Dataset) -> dict[str, float]:
    interval = np.column_stack([said.lower, said.upper])
    return {
        **value_scorecard(data.test.margin, said.value),
        "roc_auc": rank_auc(data.test.churned, 1.0 - said.p_buys),
        "interval_coverage": float(is_covered(data.test.margin, interval).mean()),
    }
