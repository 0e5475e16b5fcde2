"""Target leakage: columns that predict the outcome too well to have been known before it.

A satisfaction score asked on leaving, the length of the call that closed the deal, a reason for
churning: such columns make a model that is excellent in a backtest and useless in practice. Three
signs are checked. None is a proof, so each is reported with its evidence and the user decides:
leave the column out, or confirm that it was known before the outcome.

1. Some values are as good as the label: nearly everyone who has them belongs to the rarer outcome,
   and together they cover a good part of it. Missing counts as a value.
2. The column alone ranks nearly perfectly.
3. Without it (and its near copies) much of the table's predictive power is gone, and alone it ranks
   better than all others together. With at least five others, no legitimate column does that.

After Kaufman, Rosset & Perlich 2012, "Leakage in data mining".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import lightgbm
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.metrics import average_precision_score, roc_auc_score

from models.given_label.folds import stratified_folds
from models.given_label.schema import Kinds, as_columns
from models.tabular import Encoder
from training.given_label.single import group_codes, held_out_rates

Floats = NDArray[np.float64]

_MOST_ROWS = 20_000
_PURE = 0.98
_PURE_AT_LEAST = 0.95
_LEAST_SHARE = 0.05
_FEWEST_ALIKE = 10
_PERFECT_AUC = 0.95
_LOST_AUC = 0.05
_LOST_SKILL = 0.2
_NEAR_COPY = 0.95
_CANDIDATES = 3
_FEWEST_OTHERS = 5
_FOLDS = 3
_QUICK = {
    "objective": "binary", "learning_rate": 0.1, "num_leaves": 8, "min_data_in_leaf": 20,
    "num_threads": 1, "deterministic": True, "force_row_wise": True, "verbose": -1,
}  # fmt: skip
_QUICK_ROUNDS = 60


@dataclass(frozen=True)
class Suspect:
    """A column that may have been known only after the outcome, and the evidence for it."""

    column: str
    evidence: str

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return (
            f'leave it out with labelled.leave_out = ["{self.column}"]; or, if it was known '
            f'before the outcome, keep it with labelled.vouched = ["{self.column}"]'
        )

    def __str__(self) -> str:
        """Write it as a sentence."""
        return f"Column '{self.column}' may give the outcome away: {self.evidence}. {self.remedy}"


def find_suspects(
    table: pd.DataFrame, outcomes: Floats, kinds: Kinds, vouched: Sequence[str], seed: int
) -> tuple[Suspect, ...]:
    """Return the columns that look as if they were filled in after the outcome.

    Parameters
    ----------
    table
        Typed columns; more than 20,000 rows are judged by a sample.
    vouched
        Columns that the user confirmed to be known before the outcome.
    """
    rng = np.random.default_rng(seed)
    if len(table) > _MOST_ROWS:
        rows = np.sort(rng.permutation(len(table))[:_MOST_ROWS])
        table, outcomes = table.iloc[rows].reset_index(drop=True), outcomes[rows]
    suspects = {
        name: Suspect(name, evidence)
        for name in kinds
        if (evidence := _given_away(table, outcomes, kinds, name)) is not None
    }
    rates = held_out_rates(table, outcomes, kinds, seed)
    for name in kinds:
        if name not in suspects and (auc := _auc(outcomes, rates[name])) >= _PERFECT_AUC:
            suspects[name] = Suspect(name, f"alone it ranks customers with a ROC AUC of {auc:.2f}")
    while (found := _dominant(table, outcomes, kinds, rates, suspects, seed)) is not None:
        suspects[found.column] = found
    return tuple(suspect for name, suspect in suspects.items() if name not in vouched)


def _given_away(table: pd.DataFrame, outcomes: Floats, kinds: Kinds, name: str) -> str | None:
    """Look for values whose customers nearly all belong to the rarer outcome."""
    codes, names = group_codes(table, name, kinds)
    rarer = outcomes if outcomes.mean() <= 0.5 else 1.0 - outcomes
    sizes = np.bincount(codes, minlength=len(names))
    hits = np.bincount(codes, rarer, minlength=len(names))
    is_pure = (sizes >= _FEWEST_ALIKE) & (hits >= _PURE * sizes)
    customers, found = int(sizes[is_pure].sum()), int(hits[is_pure].sum())
    if found < max(_LEAST_SHARE * rarer.sum(), 1):
        return None
    lower = binomtest(found, customers).proportion_ci(0.95, method="wilson").low
    if lower < _PURE_AT_LEAST:
        return None
    listed = [names[group] for group in np.flatnonzero(is_pure)]
    values = ", ".join(listed[:4]) + (", ..." if len(listed) > 4 else "")
    outcome = "positive" if outcomes.mean() <= 0.5 else "negative"
    filled = [name for name in names if name != "missing"]
    if "missing" in names and sorted(listed) == sorted(filled):
        values = "any value (it is missing for the others)"
    return (
        f"of {customers:,} customers with {values}, {found:,} have the {outcome} label, "
        f"{found / rarer.sum():.0%} of all who have it"
    )


def _dominant(
    table: pd.DataFrame,
    outcomes: Floats,
    kinds: Kinds,
    rates: pd.DataFrame,
    suspects: dict[str, Suspect],
    seed: int,
) -> Suspect | None:
    """Look for one column without which the others predict much worse."""
    trusted = [name for name in kinds if name not in suspects]
    if len(trusted) <= _FEWEST_OTHERS:
        return None
    alone = {name: _auc(outcomes, rates[name]) for name in trusted}
    everything = _auc(outcomes, _held_out(table[trusted], outcomes, kinds, seed))
    for name in sorted(trusted, key=lambda each: (-alone[each], each))[:_CANDIDATES]:
        if everything - 0.5 < _LOST_AUC:
            return None
        others = [o for o in trusted if o != name and not _near_copy(rates, name, o)]
        if len(others) < _FEWEST_OTHERS:
            continue
        rest = _auc(outcomes, _held_out(table[others], outcomes, kinds, seed))
        lost = everything - rest
        needed = max(
            _LOST_AUC, _LOST_SKILL * (everything - 0.5), 3 * _standard_error(rest, outcomes)
        )
        if lost >= needed and alone[name] >= rest:
            precision = average_precision_score(outcomes, rates[name])
            return Suspect(
                name,
                f"alone it ranks better (ROC AUC {alone[name]:.2f}, average precision "
                f"{precision:.2f} where chance gives {outcomes.mean():.2f}) than all other columns "
                f"together ({rest:.2f}), and without it the AUC falls from {everything:.2f}",
            )
    return None


def _near_copy(rates: pd.DataFrame, name: str, other: str) -> bool:
    """Return whether two columns' group rates are nearly perfectly correlated."""
    both = rates[[name, other]].to_numpy()
    if (both.std(axis=0) < 1e-9).any():
        return False
    return bool(abs(np.corrcoef(both.T)[0, 1]) >= _NEAR_COPY)


def _held_out(table: pd.DataFrame, outcomes: Floats, kinds: Kinds, seed: int) -> Floats:
    """Return out-of-fold predictions of a small ensemble of trees."""
    own: Kinds = {str(name): kinds[str(name)] for name in table.columns}
    encoder = Encoder.fit(table, as_columns(own))
    X, predicted = encoder.transform(table), np.full(len(outcomes), outcomes.mean())
    if not encoder.columns:
        return predicted
    for train, held_out in stratified_folds(outcomes, _FOLDS, seed):
        data = lightgbm.Dataset(
            X[train], outcomes[train], categorical_feature=encoder.categorical_positions
        )
        booster = lightgbm.train({**_QUICK, "seed": seed}, data, _QUICK_ROUNDS)
        predicted[held_out] = booster.predict(X[held_out])
    return predicted


def _standard_error(auc: float, outcomes: Floats) -> float:
    """Return an upper bound of the AUC's standard error in samples of this size."""
    return float(np.sqrt(auc * (1.0 - auc) / min(outcomes.sum(), (1.0 - outcomes).sum())))


def _auc(outcomes: Floats, scores: pd.Series | Floats) -> float:
    return float(roc_auc_score(outcomes, np.asarray(scores)))
