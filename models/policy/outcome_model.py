"""Expected reward of every action in every logged situation, each predicted by the other folds."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from models.boosting import BoostingParameters, Ensemble
from models.uplift.trial import deal_folds

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

REWARD_BOOSTING: Final = BoostingParameters(
    rounds=80, learning_rate=0.1, leaves=6, column_share=0.7, members=1
)

_FOLDS = 5


def cross_fit_rewards(
    X: Floats,
    actions: Integers,
    rewards: Floats,
    n_actions: int,
    *,
    categorical: tuple[int, ...] = (),
    boosting: BoostingParameters = REWARD_BOOSTING,
    seed: int = 0,
) -> Floats:
    """Return the expected reward of each action, shape (n, n_actions).

    Parameters
    ----------
    X
        What was known of each situation, shape (n, features).
    actions
        Number of the action taken, 0 to ``n_actions - 1``; a category to the trees.
    rewards
        0 or 1 are learned as chances, anything else as amounts.
    categorical
        Positions of the category columns of ``X``.
    """
    binary = bool(np.isin(rewards, (0.0, 1.0)).all())
    fold = deal_folds(rewards if binary else np.zeros(len(rewards)), _FOLDS, seed)
    expected = np.empty((len(rewards), n_actions))
    rows_with_action = np.column_stack([X, actions])
    for held in range(_FOLDS):
        taught, asked = fold != held, fold == held
        trees = Ensemble.fit(
            rows_with_action[taught],
            rewards[taught],
            weight=np.ones(int(taught.sum())),
            objective="binary" if binary else "regression",
            parameters=replace(boosting, seed=seed),
            categorical=[*categorical, X.shape[1]],
        )
        for action in range(n_actions):
            taken = np.full(int(asked.sum()), action)
            raw = trees.raw_score(np.column_stack([X[asked], taken]))
            expected[asked, action] = expit(raw) if binary else raw
    return expected
