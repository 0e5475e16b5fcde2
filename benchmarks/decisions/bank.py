"""Bank Marketing: who takes up a term deposit by phone, what calling them earns, and drift.

Every row is one client of a campaign; how long the call lasted is known only afterwards and is
left out. Judged by ten stratified folds, everything learned inside them, and once more by row
order, which is by date: the last fifth by what the first four fifths taught.

Money, plainly assumed: a call costs 5. A deposit brings 2 % a year on what the client may be
taken to place in it: the balance of the account, but at least 500 and at most 20,000. So a
deposit brings 31 from the mean client and 10 from half of them, and calling everyone loses money;
which calls pay depends on chance and balance both.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console
from sklearn.metrics import roc_auc_score

from benchmarks.table import Row
from features.family import Column
from features.progress import Progress
from models.given_label.schema import Kind
from models.metrics.classification import expected_calibration_error
from models.uplift.response import ResponseModel
from models.uplift.trial import deal_folds
from regulars.console import progress_bars
from training.given_label.drift import TimeDrift, measure_time_drift, order_note

Floats = NDArray[np.float64]

_FOLDER = Path(__file__).parents[3] / "shared" / "data" / "bank_marketing"
FILE: Final = _FOLDER / "bank_full.parquet"
_KNOWN_ONLY_AFTERWARDS = "duration"
_FOLDS = 10
_LAST_FIFTH = 0.8

CALL_COST: Final = 5.0
MARGIN_RATE: Final = 0.02
LEAST_DEPOSIT, MOST_DEPOSIT = 500.0, 20_000.0


@dataclass(frozen=True, eq=False)
class Study:
    """What became of every client, the chance given by a model that had not seen the client."""

    clients: pd.DataFrame
    accepted: Floats
    chance: Floats
    drift: TimeDrift


def study(progress: Progress) -> Study:
    """Judge by ten folds and by date."""
    table = pd.read_parquet(FILE)
    accepted: Floats = (table["y"] == "yes").to_numpy().astype(np.float64)
    clients = table.drop(columns=["y", _KNOWN_ONLY_AFTERWARDS])
    columns = [_column(str(name), clients[str(name)]) for name in clients]
    tick = progress("Bank: ten folds, and by date", _FOLDS + 1)
    fold = deal_folds(accepted, _FOLDS, seed=0)
    chance = np.empty(len(accepted))
    for held in range(_FOLDS):
        asked = fold == held
        model = ResponseModel().fit(clients[~asked], accepted[~asked], columns)
        chance[asked] = model.predict_proba(clients[asked])[:, 1]
        tick()
    drift = _by_date(clients, accepted, columns, chance)
    tick()
    return Study(clients, accepted, chance, drift)


def rows(progress: Progress) -> list[Row]:
    """Return acceptance at random and by date, and the profit of the contacted list."""
    found = study(progress)
    accepted, chance = found.accepted, found.chance
    return [
        Row("bank: ROC AUC, ten folds", float(roc_auc_score(accepted, chance)), ">=", 0.80),
        Row("bank: ECE, ten folds", expected_calibration_error(accepted, chance), "<=", 0.01),
        _profit_row(found.clients, accepted, chance),
        _drift_row(accepted, found.drift),
    ]


def margin(balance: Floats) -> Floats:
    """Return what a deposit of each client would bring in a year, in money."""
    return MARGIN_RATE * np.clip(balance, LEAST_DEPOSIT, MOST_DEPOSIT)


def _profit_row(clients: pd.DataFrame, accepted: Floats, chance: Floats) -> Row:
    """Compare lists by what calling them earned, per thousand clients."""
    brings = margin(clients["balance"].to_numpy(dtype=np.float64))
    earned = accepted * brings - CALL_COST

    def profit(called: NDArray[np.bool_]) -> float:
        return float(earned[called].sum() / len(earned) * 1_000)

    by_worth = chance * brings > CALL_COST
    pays_on_average = chance * brings.mean() > CALL_COST
    most_likely = np.zeros(len(chance), dtype=np.bool_)
    most_likely[np.argsort(-chance, kind="stable")[: int(by_worth.sum())]] = True
    rivals = {
        "contact all": profit(np.ones_like(by_worth)),
        "by probability, above the mean break-even": profit(pays_on_average),
        "by probability, as many calls": profit(most_likely),
    }
    return Row(
        "bank: profit of the contacted list per 1,000 clients",
        profit(by_worth),
        ">",
        max(rivals.values()),
        {**rivals, "share called": float(by_worth.mean())},
    )


def _by_date(
    clients: pd.DataFrame, accepted: Floats, columns: list[Column], at_random: Floats
) -> TimeDrift:
    cut = int(_LAST_FIFTH * len(clients))
    then, now = clients.iloc[:cut], clients.iloc[cut:]
    model = ResponseModel().fit(then, accepted[:cut], columns)
    kinds: dict[str, Kind] = {column.name: column.kind for column in columns}
    said = model.predict_proba(now)[:, 1]
    return measure_time_drift(then, now, kinds, accepted, at_random, said)


def _drift_row(accepted: Floats, drift: TimeDrift) -> Row:
    """Count the alarms: the rate's jump, the AUC's fall, the columns, the order of the rows."""
    notes = " ".join(drift.notes)
    said = [
        "label's rate goes" in notes,
        "ROC AUC is" in notes,
        "columns with other values" in notes,
        order_note(accepted) is not None,
    ]
    facts = {
        "rate then": drift.rate_then,
        "rate now": drift.rate_now,
        "expected now": drift.expected_now,
        "AUC at random": drift.auc_at_random,
        "AUC by date": drift.auc_now,
    }
    return Row("bank by date: alarms said, of four", float(sum(said)), ">=", 4.0, facts)


def _column(name: str, values: pd.Series) -> Column:
    numeric = pd.api.types.is_numeric_dtype(values)
    return Column(name, name, "", kind="number" if numeric else "category")


def main() -> None:
    """Print what is said of the drift."""
    console = Console(width=110, highlight=False)
    with progress_bars(console) as progress:
        found = study(progress)
    for note in (order_note(found.accepted), *found.drift.notes):
        console.print(f"- {note}")


if __name__ == "__main__":
    main()
