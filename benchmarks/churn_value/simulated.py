"""Churn and value on the simulated shop, beside the truth and beside what can be known of it.

Scores by every customer's true rates are the bar; no record of the shop holds those rates. So an
observer is measured as well who knows how the shop was made and all that customers did, but not
their rates: see :mod:`benchmarks.churn_value.informed_observer`.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from scipy.special import logit

from benchmarks.churn_value.informed_observer import churn_probability, look
from benchmarks.simulated_truth import last_activity
from benchmarks.table import Row
from features.simulate import ShopPlan, true_churn_probability, write_shop
from features.vocabulary import Columns as C
from models.churn_value.calibration import fit_slope
from models.metrics.classification import churn_scorecard
from regulars.console import progress_bars, show_frame
from regulars.settings import read_settings
from regulars.shop import open_shop
from training.horizons import Horizons
from training.run import run_job, with_shared_table
from training.task import TrainingTask

_CONFIG = Path(__file__).parents[2] / "examples" / "simulated_shop" / "regulars.toml"
_HORIZON_DAYS = 90


def rows(console: Console) -> list[Row]:
    """Simulate, learn and compare; print every metric, return the bars."""
    plan = ShopPlan()
    horizons = Horizons(_HORIZON_DAYS, "fixed", _HORIZON_DAYS, "fixed")
    with tempfile.TemporaryDirectory() as folder, progress_bars(console) as progress:
        data = Path(folder) / "data"
        write_shop(plan, data)
        settings = read_settings(_CONFIG).model_copy(update={"base": Path(folder)})
        now = pd.Timestamp(plan.end).to_pydatetime()
        with open_shop(settings, now, progress) as shop:
            task = with_shared_table(
                TrainingTask(
                    shop.engine, shop.prepared, settings.shop, settings.training, horizons,
                    plan.end, progress,
                )
            )  # fmt: skip
            churn, value = (run_job(job, task) for job in ("churn", "value"))
            activity = last_activity(shop, churn.test)
        truth, renewals = (pd.read_parquet(data / "truth" / n) for n in ("customers", "renewals"))
        orders, events, people = (
            pd.read_parquet(data / name) for name in ("orders", "events", "customers")
        )
    ids, actual = list(churn.contest.customer_ids), churn.contest.actual
    known = true_churn_probability(plan, truth, activity, churn.test, _HORIZON_DAYS, renewals)
    seen = look(plan, orders, events, truth, ids, pd.Timestamp(churn.test))
    people = people.set_index(C.CUSTOMER_ID).loc[ids]
    informed = churn_probability(plan, seen, people, plan.day_of(churn.test), _HORIZON_DAYS)
    best = churn_scorecard(actual, known.reindex(ids).to_numpy())
    can_be_known = churn_scorecard(actual, informed)
    said = np.clip(churn.contest.predicted["churn"], 1e-6, 1 - 1e-6)
    slope, _ = fit_slope(logit(said), actual, np.zeros(len(said), dtype=np.int64))
    ours = churn_scorecard(actual, said)
    rivals = {str(n): float(v) for n, v in churn.scorecard["roc_auc"].drop("churn").items()}
    covered = {name: float(v["value"]) for name, v in value.scorecard.items()}
    beside = {"newcomers": covered["interval_coverage_newcomers"]}
    show_frame(console, churn.scorecard.round(4).rename_axis("model").reset_index(), "churn")
    show_frame(console, value.scorecard.round(4).rename_axis("model").reset_index(), "value")
    where = f"simulated shop, {churn.test}"
    found = [
        Row("churn ROC AUC, true rates' less 0.01", ours["roc_auc"], ">=",
            best["roc_auc"] - 0.01, {"true rates": best["roc_auc"], **rivals}),
        Row("churn ROC AUC, what can be known", ours["roc_auc"], ">=",
            can_be_known["roc_auc"] - 0.01, {"informed observer": can_be_known["roc_auc"]}),
        Row("churn log loss, what can be known", ours["log_loss"], "<=",
            can_be_known["log_loss"] + 0.01, {"informed observer": can_be_known["log_loss"],
                                              "true rates": best["log_loss"]}),
        Row("calibration slope", slope, ">=", 0.95),
        Row("calibration slope", slope, "<=", 1.05),
        Row("churn ECE", ours["ece"], "<=", 0.025, {"true rates": best["ece"]}),
        Row("value interval coverage", covered["interval_coverage"], ">=", 0.87, beside),
        Row("value interval coverage", covered["interval_coverage"], "<=", 0.93, beside),
    ]  # fmt: skip
    return [replace(row, what=f"{where}: {row.what}") for row in found]
