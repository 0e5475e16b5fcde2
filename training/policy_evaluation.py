"""Off-policy evaluation on the decision log: what another policy would have earned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.errors import DataError
from models.policy.estimators import Log, off_policy_estimates
from models.policy.intervals import mean_interval
from models.policy.outcome_model import cross_fit_rewards

DECISION_ID, ACTION, PROPENSITY, REWARD, PROBABILITY = (
    "decision_id", "action", "propensity", "reward", "probability",
)  # fmt: skip
"""Columns of the log and of the policy to be judged."""

_ON_POLICY = "logged policy, on its own log"


@dataclass(frozen=True, eq=False)
class PolicyReport:
    """A policy's mean reward per decision, beside that of the policy that was logged.

    Attributes
    ----------
    table
        Indexed by method: ``value, low, high, decisions, effective, mean_weight, share_cut``.
    notes
        Each estimate in words, with its caveats.
    """

    table: pd.DataFrame
    notes: tuple[str, ...]


def evaluate_policy(
    log: pd.DataFrame, target: pd.DataFrame, situations: pd.DataFrame | None = None
) -> PolicyReport:
    """Estimate what the target policy would have earned on the logged decisions.

    Parameters
    ----------
    log
        One row per decision: ``decision_id, action, propensity, reward`` (money, or 0 and 1),
        with the attribution window over.
    target
        One row per decision and action that the target policy may take: ``decision_id, action,
        probability``, summing to 1 for each decision.
    situations
        What was known at each decision: ``decision_id`` and numeric columns. With it an outcome
        model is fitted, and the estimates include ``dr``.

    Raises
    ------
    DataError
        Columns are missing, a decision is logged twice or lacks its propensity, or the target has
        no probabilities for it.
    """
    _require_columns(log, (DECISION_ID, ACTION, PROPENSITY, REWARD), "the decision log")
    _require_columns(target, (DECISION_ID, ACTION, PROBABILITY), "the policy to be judged")
    if log[DECISION_ID].duplicated().any():
        raise DataError("a decision is logged twice", "keep the first record of each decision_id")
    logged, actions = _as_log(log, target)
    expected = None
    if situations is not None:
        _require_columns(situations, (DECISION_ID,), "the situations")
        known = situations.set_index(DECISION_ID).reindex(log[DECISION_ID])
        X = known.to_numpy(dtype=np.float64)
        expected = cross_fit_rewards(X, logged.actions, logged.rewards, len(actions))
    estimates = off_policy_estimates(logged, expected=expected)
    own_low, own_high = mean_interval(logged.rewards)
    rows = {
        _ON_POLICY: {
            "value": float(logged.rewards.mean()),
            "low": own_low,
            "high": own_high,
            "decisions": len(logged),
            "effective": float(len(logged)),
            "mean_weight": 1.0,
            "share_cut": 0.0,
        }
    }
    rows |= {
        name: {column: getattr(found, column) for column in rows[_ON_POLICY]}
        for name, found in estimates.items()
    }
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("method")
    return PolicyReport(table, tuple(found.says for found in estimates.values()))


def _as_log(log: pd.DataFrame, target: pd.DataFrame) -> tuple[Log, list[str]]:
    """Align the target's probabilities with the logged decisions; actions sorted by name."""
    actions = sorted({*log[ACTION].astype(str), *target[ACTION].astype(str)})
    decisions = pd.Index(log[DECISION_ID])
    row = decisions.get_indexer(pd.Index(target[DECISION_ID]))
    column = pd.Index(actions).get_indexer(pd.Index(target[ACTION].astype(str)))
    probabilities = np.zeros((len(decisions), len(actions)))
    known = row >= 0
    weights = target[PROBABILITY].to_numpy(dtype=np.float64)
    np.add.at(probabilities, (row[known], column[known]), weights[known])
    missing = int((probabilities.sum(axis=1) == 0).sum())
    if missing:
        raise DataError(
            f"the policy to be judged has no probabilities for {missing} of {len(decisions)} "
            "decisions",
            "give its probability of every action, doing nothing included, for each decision",
        )
    taken = pd.Index(actions).get_indexer(pd.Index(log[ACTION].astype(str)))
    return (
        Log(
            taken.astype(np.int64),
            log[REWARD].to_numpy(dtype=np.float64),
            log[PROPENSITY].to_numpy(dtype=np.float64),
            probabilities,
        ),
        actions,
    )


def _require_columns(table: pd.DataFrame, columns: tuple[str, ...], what: str) -> None:
    absent = [name for name in columns if name not in table]
    if absent:
        raise DataError(
            f"{what} lacks the columns {', '.join(absent)}",
            f"give the columns {', '.join(columns)}",
        )
