"""The predictive power of a single column: the label's rate in each group of its values."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from models.given_label.folds import stratified_folds
from models.given_label.schema import Kinds

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

_GROUPS = 20
_FOLDS = 5
# Shrinkage: as if so many rows of the mean rate were in every group.
_PRIOR_ROWS = 20.0


def group_codes(
    table: pd.DataFrame, name: str, kinds: Kinds, groups: int = _GROUPS
) -> tuple[Codes, list[str]]:
    """Put each row into a group of equal or near values; missing values are a group.

    Returns
    -------
    codes, names
        The group of each row, and the name of each group: its value, or the range of its values.
    """
    values = table[name]
    if kinds[name] == "category":
        codes, categories = pd.factorize(values, sort=True)
        names = [f"'{category}'" for category in categories]
    else:
        codes, names = _number_groups(values.to_numpy(dtype=np.float64), groups)
    missing = codes < 0
    if missing.any():
        codes, names = np.where(missing, len(names), codes), [*names, "missing"]
    return codes.astype(np.int64), names


def _group_rates(codes: Codes, outcomes: Floats, rows: Codes) -> Floats:
    """Return the label's rate among ``rows`` in every row's group, shrunk to the mean."""
    size = int(codes.max()) + 1
    count = np.bincount(codes[rows], minlength=size)
    positive = np.bincount(codes[rows], outcomes[rows], minlength=size)
    mean = outcomes[rows].mean()
    rates = (positive + _PRIOR_ROWS * mean) / (count + _PRIOR_ROWS)
    return np.asarray(rates[codes], dtype=np.float64)


def held_out_rates(table: pd.DataFrame, outcomes: Floats, kinds: Kinds, seed: int) -> pd.DataFrame:
    """Return each column's group rates, computed out of fold."""
    folds = stratified_folds(outcomes, _FOLDS, seed)
    rates_by_column = {}
    for name in kinds:
        codes, _ = group_codes(table, name, kinds)
        rates = np.empty(len(outcomes))
        for train, held_out in folds:
            rates[held_out] = _group_rates(codes, outcomes, train)[held_out]
        rates_by_column[name] = rates
    return pd.DataFrame(rates_by_column)


def best_column(
    table: pd.DataFrame, outcomes: Floats, kinds: Kinds, train: Codes, held_out: Codes, seed: int
) -> Floats:
    """Return the held-out rows' group rates by the best single column.

    It is chosen on the other rows, out of fold: a column with many categories would otherwise look
    best by memorising them.
    """
    known = table.iloc[train].reset_index(drop=True)
    rates = held_out_rates(known, outcomes[train], kinds, seed)
    auc = {name: float(roc_auc_score(outcomes[train], rates[name])) for name in kinds}
    best = min(kinds, key=lambda name: (-auc[name], name))
    codes, _ = group_codes(table, best, kinds)
    return _group_rates(codes, outcomes, train)[held_out]


def _number_groups(values: Floats, groups: int) -> tuple[Codes, list[str]]:
    known = values[~np.isnan(values)]
    distinct = np.unique(known)
    edges = distinct
    if len(distinct) > groups:
        edges = np.unique(np.quantile(known, np.linspace(0, 1, groups + 1), method="lower"))
    codes = np.searchsorted(edges, values, side="right") - 1
    if len(distinct) > groups:
        # The largest value belongs to the group below it.
        codes = np.minimum(codes, len(edges) - 2)
        names = [f"{a:g} to {b:g}" for a, b in itertools.pairwise(edges)]
    else:
        names = [f"{value:g}" for value in edges]
    return np.where(np.isnan(values), -1, codes).astype(np.int64), names
