"""Drift between the training rows and later ones, so that nobody relies on outdated metrics.

A model judged on rows held out at random looks as good as it was in the past. Three things are
measured: whether the label's rate moved, whether the model ranks later rows as well as held-out
rows of its own time, and which columns have another distribution now.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2_contingency
from sklearn.metrics import roc_auc_score

from features.drift import measure_drift
from models.given_label.schema import Kinds

Floats = NDArray[np.float64]

_BLOCKS = 5
_P_VALUE = 1e-6
_LEAST_RATIO = 1.25
_FALLEN_AUC = 0.03
_STANDARD_ERRORS = 3.0
_MOST_NAMED = 5


@dataclass(frozen=True)
class TimeDrift:
    """The later rows compared with the training rows.

    Attributes
    ----------
    rate_then, rate_now
        Share of the positive label.
    auc_at_random, auc_now
        ROC AUC on all rows, each held out at random; on the later rows, learned from the earlier.
    expected_now
        Mean probability that the model gave to the later rows.
    moved
        Columns with another distribution now, the most shifted first.
    notes
        Warnings in words; empty if nothing moved by more than chance.
    """

    rate_then: float
    rate_now: float
    auc_at_random: float
    auc_now: float
    expected_now: float
    moved: tuple[str, ...]
    notes: tuple[str, ...]


def measure_time_drift(
    then: pd.DataFrame,
    now: pd.DataFrame,
    kinds: Kinds,
    outcomes: Floats,
    at_random: Floats,
    predicted_now: Floats,
) -> TimeDrift:
    """Compare earlier and later rows, and the model's predictions of them.

    Parameters
    ----------
    outcomes
        Of all rows, earlier ones first.
    at_random
        Predictions of all rows by the same kind of model, each held out at random.
    """
    before, after = outcomes[: len(then)], outcomes[len(then) :]
    rates = (float(before.mean()), float(after.mean()))
    aucs = _auc(outcomes, at_random), _auc(after, predicted_now)
    expected = float(predicted_now.mean())
    moved = _moved(then, now, kinds)
    notes = []
    if _levels_differ([before, after]):
        notes.append(
            f"drift: the label's rate goes from {rates[0]:.1%} to {rates[1]:.1%} in the later "
            f"rows, where the model expected {expected:.1%}: probabilities are off by as much; "
            "train again as soon as newer outcomes are known"
        )
    if aucs[0] - aucs[1] > max(_FALLEN_AUC, _STANDARD_ERRORS * _error(aucs[1], after)):
        notes.append(
            f"drift: ROC AUC is {aucs[1]:.3f} on the later rows and {aucs[0]:.3f} where rows are "
            "held out at random: a random split of this table makes every model look too good"
        )
    if notes and moved:
        notes.append(f"drift: columns with other values in the later rows: {', '.join(moved)}")
    return TimeDrift(*rates, *aucs, expected, moved, tuple(notes))


def order_note(outcomes: Floats) -> str | None:
    """Return a warning if the label's rate changes along the rows although no time was named."""
    blocks = [block for block in np.array_split(outcomes, _BLOCKS) if len(block)]
    if not _levels_differ(blocks):
        return None
    rates = ", ".join(f"{block.mean():.1%}" for block in blocks)
    return (
        f"the label's rate changes along the rows: {rates} by fifths of the table. If they come "
        "oldest first, set labelled.rows_in_time_order = true (or name labelled.time): a "
        "scorecard on rows held out at random would be too optimistic"
    )


def _levels_differ(blocks: list[Floats]) -> bool:
    """Return whether the rates differ by more than chance, and by enough to matter."""
    counts = np.array([[block.sum(), len(block) - block.sum()] for block in blocks])
    if (counts.sum(axis=0) == 0).any():
        return False
    rates = counts[:, 0] / counts.sum(axis=1)
    rarer = rates if rates.mean() <= 0.5 else 1.0 - rates
    matters = rarer.max() >= _LEAST_RATIO * max(rarer.min(), 1e-9)
    return bool(matters and chi2_contingency(counts, correction=False).pvalue < _P_VALUE)


def _moved(then: pd.DataFrame, now: pd.DataFrame, kinds: Kinds) -> tuple[str, ...]:
    found = {}
    for name, kind in kinds.items():
        drift = measure_drift(then[name], now[name], category=kind == "category")
        if drift.reading == "shifted":
            found[name] = drift.psi
    return tuple(sorted(found, key=lambda name: (-found[name], name))[:_MOST_NAMED])


def _auc(outcomes: Floats, scores: Floats) -> float:
    return float(roc_auc_score(outcomes, scores)) if 0 < outcomes.mean() < 1 else float("nan")


def _error(auc: float, outcomes: Floats) -> float:
    fewest = min(outcomes.sum(), (1.0 - outcomes).sum())
    return float(np.sqrt(max(auc * (1.0 - auc), 0.0) / max(fewest, 1.0)))
