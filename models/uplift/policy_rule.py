"""One question that decides between several actions, learned from a trial with many arms.

Where two actions are nearly as good, single customers' effects drown in noise, and the largest
of several noisy effects is the most flattered one. A rule of one question is chosen by its
value instead: over all splits of all columns, the sum of doubly robust scores when each side
gets its best action (policy learning over depth-one trees: Athey & Wager 2021; exhaustive as in
Sverdrup, Kanodia, Zhou, Athey & Wager 2020).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit

from features.family import Column
from models.boosting import BoostingParameters, Ensemble
from models.uplift.trial import Booleans, Floats, Integers, deal_folds

_FOLDS = 3
_QUANTILES = 10
_FEWEST_ON_A_SIDE = 500


@dataclass(frozen=True)
class PolicyRule:
    """An action for those of whom the test holds, and one for all others.

    Attributes
    ----------
    column
        What is asked about; None where one action is best for all.
    at_most, equal_to
        The test: the number is at most this, or the category is this.
    value
        Mean score of the rule on the customers it was learned from: flattered by the search.
    """

    column: str | None
    at_most: float | None
    equal_to: str | None
    action: str
    otherwise: str
    value: float

    def choose(self, customers: pd.DataFrame) -> list[str]:
        """Return each customer's action; a missing value fails the test."""
        if self.column is None:
            return [self.action] * len(customers)
        passes = _passes(customers[self.column], self.at_most, self.equal_to)
        return [self.action if each else self.otherwise for each in passes]

    @property
    def says(self) -> str:
        """The rule in words."""
        if self.column is None:
            return f"{self.action} for all"
        test = f"at most {self.at_most:g}" if self.equal_to is None else self.equal_to
        return f"{self.action} where {self.column} is {test}, else {self.otherwise}"


def arm_scores(
    X: Floats,
    arm: Integers,
    outcome: Floats,
    propensity: Floats,
    *,
    categorical: list[int],
    parameters: BoostingParameters,
    seed: int = 0,
) -> Floats:
    """Return a doubly robust score of each action for each customer, shape (n, arms).

    Its mean over customers estimates the mean outcome had all been given the action.

    Parameters
    ----------
    arm
        Number of the arm that each customer was in.
    propensity
        Chance of every arm, shape (n, arms).
    """
    fold = deal_folds(2 * arm + outcome, _FOLDS, seed)
    scores = np.empty(propensity.shape)
    for part in range(_FOLDS):
        test = fold == part
        for number in range(propensity.shape[1]):
            train = ~test & (arm == number)
            trees = Ensemble.fit(
                X[train],
                outcome[train],
                weight=np.ones(int(train.sum())),
                objective="binary",
                parameters=parameters,
                categorical=categorical,
            )
            scores[test, number] = expit(trees.raw_score(X[test]))
    own = (np.arange(len(arm)), arm)
    scores[own] += (outcome - scores[own]) / propensity[own]
    return scores


def learn_rule(
    customers: pd.DataFrame, known: Sequence[Column], scores: Floats, actions: Sequence[str]
) -> PolicyRule:
    """Return the rule of one question with the largest sum of scores; ties to the first.

    Parameters
    ----------
    known
        Columns that may be asked about.
    scores
        Of each action, shape (n, actions), as :func:`arm_scores` gives them.
    actions
        Names of the actions; a side of fewer than 500 customers is not split off.
    """
    whole = scores.sum(axis=0)
    best = PolicyRule(None, None, None, actions[whole.argmax()], "", float(whole.max()))
    for column in known:
        for at_most, equal_to in _tests(customers[column.name], column):
            passes = _passes(customers[column.name], at_most, equal_to)
            if min(passes.sum(), (~passes).sum()) < _FEWEST_ON_A_SIDE:
                continue
            here = scores[passes].sum(axis=0)
            there = whole - here
            value = float(here.max() + there.max())
            if value > best.value + 1e-9 * abs(best.value):
                sides = (actions[here.argmax()], actions[there.argmax()])
                best = PolicyRule(column.name, at_most, equal_to, *sides, value)
    return PolicyRule(
        best.column, best.at_most, best.equal_to, best.action, best.otherwise,
        best.value / len(scores),
    )  # fmt: skip


def _tests(values: pd.Series, column: Column) -> Iterator[tuple[float | None, str | None]]:
    if column.kind == "category":
        for name in sorted(values.dropna().unique()):
            yield None, str(name)
    else:
        numbers = values.dropna().to_numpy(dtype=np.float64)
        inner = np.arange(1, _QUANTILES) / _QUANTILES
        for edge in np.unique(np.quantile(numbers, inner)) if len(numbers) else ():
            yield float(edge), None


def _passes(values: pd.Series, at_most: float | None, equal_to: str | None) -> Booleans:
    if equal_to is not None:
        return np.asarray((values == equal_to).fillna(value=False), dtype=np.bool_)
    return np.asarray(values.to_numpy(dtype=np.float64) <= at_most, dtype=np.bool_)
