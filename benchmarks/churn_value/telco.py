"""A plain table with a label: IBM's Telco customers, and the alarm for columns that leak.

The bar is on the base table, 10-fold cross-validation repeated three times, everything inside
the folds; every metric is over all rows held out, averaged over the repeats. The extended
tables of the same customers (services with offers, referrals, refunds and charges;
demographics; location with its population) are reported beside, once over ten folds. Nothing of
the extended status table is learned from: satisfaction and churn score, customer status, churn
category and reason follow the outcome, and the CLTV there is another model's output.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.churn_value.cdnow import DATA as CDNOW
from benchmarks.table import Row, report
from features.progress import Tick
from models.given_label.schema import infer_kinds, read_as
from training.given_label.judge import LATER_TICKS, OURS, Judged, cross_validate, hold_out_later
from training.given_label.leaks import find_suspects

Floats = NDArray[np.float64]

TELCO = CDNOW.parent / "telco_churn"
BANK = CDNOW.parent / "bank_marketing"
FOLDS, REPEATS, SEED = 10, 3, 0
STEPS = FOLDS * (REPEATS + 1) + LATER_TICKS
PLANTED = ("Satisfaction Score", "Churn Score")
_KEY = "customerID"
_BARS: tuple[tuple[str, Literal[">=", "<="], float], ...] = (
    ("roc_auc", ">=", 0.848),
    ("average_precision", ">=", 0.668),
    ("log_loss", "<=", 0.412),
    ("ece", "<=", 0.02),
)


def base_table(data: Path = TELCO) -> tuple[pd.DataFrame, Floats]:
    """Return the base table's columns and who left."""
    table = pd.read_parquet(data / "telco_customer_churn.parquet")
    left = np.where(table["Churn"] == "Yes", 1.0, 0.0)
    return table.drop(columns="Churn"), left


def extended_table(data: Path = TELCO) -> tuple[pd.DataFrame, Floats]:
    """Return the base table joined with what the extended tables say of the same customers."""
    base, left = base_table(data)

    def extended(name: str) -> pd.DataFrame:
        return pd.read_parquet(data / f"telco_extended_{name}.parquet")

    places = extended("location").merge(
        extended("population")[["Zip Code", "Population"]], on="Zip Code", how="left"
    )
    joined = base
    for table in (extended("services"), extended("demographics"), places):
        new = [name for name in table.columns if name not in joined.columns]
        joined = joined.merge(
            table[new if "Customer ID" in new else [*new, "Customer ID"]],
            left_on=_KEY, right_on="Customer ID", how="left", validate="one_to_one",
        ).drop(columns="Customer ID")  # fmt: skip
    return joined.drop(columns=["Lat Long", "Zip Code"]), left


def bank_table(data: Path = BANK) -> tuple[pd.DataFrame, Floats]:
    """Return the bank's calls, oldest first, and who took the deposit."""
    table = pd.read_parquet(data / "bank_full.parquet")
    return table.drop(columns="y"), np.where(table["y"] == "yes", 1.0, 0.0)


def judge(table: pd.DataFrame, left: Floats, repeats: int, tick: Tick) -> Judged:
    """Cross-validate on the columns that there is something to learn from."""
    kinds, _ = infer_kinds(table)
    return cross_validate(read_as(table, kinds, "telco"), left, kinds, FOLDS, repeats, SEED, tick)


def alarms(table: pd.DataFrame, outcomes: Floats) -> set[str]:
    """Return the columns that raise the suspicion alarm."""
    kinds, _ = infer_kinds(table)
    found = find_suspects(read_as(table, kinds, "table"), outcomes, kinds, (), SEED)
    return {suspect.column for suspect in found}


def rows(tick: Tick = lambda: None) -> list[Row]:
    """Return every row; ``tick`` is called :data:`STEPS` times."""
    base, extended = base_table(), extended_table()
    return [
        *_metric_rows("Telco", judge(*base, REPEATS, tick)),
        *_metric_rows("Telco, extended tables too", judge(*extended, 1, tick)),
        *_alarm_rows(base, extended),
        *_drift_rows(tick),
    ]


def _metric_rows(what: str, judged: Judged) -> list[Row]:
    rows = []
    for metric, op, bar in _BARS:
        by_model = {str(name): float(value) for name, value in judged.scorecard[metric].items()}
        ours = by_model.pop(OURS)
        rows.append(Row(f"{what}: {metric}", ours, op, bar, by_model))
    return rows


def _alarm_rows(
    base: tuple[pd.DataFrame, Floats], extended: tuple[pd.DataFrame, Floats]
) -> list[Row]:
    """Plant leaking columns and count who is caught; then look for false alarms."""
    table, left = base
    status = pd.read_parquet(TELCO / "telco_extended_status.parquet").set_index("Customer ID")
    planted = table.assign(**{n: table[_KEY].map(status[n]) for n in PLANTED})
    bank, took = bank_table()
    false = alarms(*base) | alarms(*extended) | alarms(bank.drop(columns="duration"), took)
    caught = alarms(planted, left)
    return [
        Row("Telco: planted leaks caught, of 2", len(caught & set(PLANTED)), ">=", 2),
        Row("bank: the call's duration caught", float(alarms(bank, took) == {"duration"}), ">=", 1),
        Row("false alarms, Telco, extended, bank", len(false | (caught - set(PLANTED))), "<=", 0),
    ]


def _drift_rows(tick: Tick) -> list[Row]:
    """Hold out the bank's latest fifth: the rate jumps, the ranking falls, and both are said."""
    table, took = bank_table()
    table = table.drop(columns="duration")
    kinds, _ = infer_kinds(table)
    judged = hold_out_later(read_as(table, kinds, "bank"), took, kinds, None, SEED, tick)
    drift = judged.drift
    if drift is None:
        return []
    beside = {
        "rate then": drift.rate_then, "now": drift.rate_now,
        "AUC at random": drift.auc_at_random, "later": drift.auc_now,
    }  # fmt: skip
    return [Row("bank: drift of the latest fifth said", len(drift.notes), ">=", 2, beside)]


def main() -> None:
    """Measure and print."""
    report("churn_value_telco", "A plain table with a label", rows())


if __name__ == "__main__":
    main()
