"""Which policy decides for a customer: the experiment's variant, the holdout, or the champion.

Assignment is by hash (:mod:`models.policy.assignment`): it sticks without a table, is the same in
every worker, and can be recomputed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.policy.assignment import Experiment
from models.policy.variants import HOLDOUT
from serving.decisions.policies.exploration import CHAMPION, ChoicePolicy
from serving.decisions.policies.settings import (
    ExperimentSettings,
    ExplorationSettings,
    PolicySettings,
)

_OF: Final = "/"
_NO_EXPLORATION: Final = ExplorationSettings()


class Experiments:
    """The policies that the settings describe, ready to be looked up for each decision."""

    def __init__(self, settings: PolicySettings) -> None:
        self._champion = ChoicePolicy(CHAMPION, "value", settings.exploration)
        self._running = [
            (described, design_of(name, described), _policies(name, described, settings))
            for name, described in settings.experiments.items()
        ]

    def policy_of(self, customer_id: str | None, day: date) -> ChoicePolicy:
        """Return the policy for a customer on a day.

        An unknown customer is in no experiment: an anonymous visit and the customer it turns out
        to be would have to be in the same variant.
        """
        if customer_id is not None:
            for described, design, policies in self._running:
                if described.runs_on(day):
                    return policies[design.assign(customer_id)]
        return self._champion

    def may_be_offered(self, customer_ids: Sequence[str], day: date) -> NDArray[np.bool_]:
        """Return which customers may be made offers at all, shape (n,): no holdout's."""
        if not any(described.runs_on(day) for described, _, _ in self._running):
            return np.ones(len(customer_ids), dtype=np.bool_)
        names = (self.policy_of(each, day).name for each in customer_ids)
        return np.array([name != "nothing" for name in names], dtype=np.bool_)


def design_of(name: str, described: ExperimentSettings) -> Experiment:
    """Return who gets which variant."""
    weights = {variant: each.weight for variant, each in described.variants.items()}
    return Experiment(name, weights, described.holdout)


def logged_variant(experiment: str, variant: str) -> str:
    """Return the name by which decisions of a variant are logged: ``spring/value``, ``holdout``."""
    return variant if variant == HOLDOUT else f"{experiment}{_OF}{variant}"


def _policies(
    name: str, described: ExperimentSettings, settings: PolicySettings
) -> dict[str, ChoicePolicy]:
    policies = {HOLDOUT: ChoicePolicy(HOLDOUT, "nothing", _NO_EXPLORATION)}
    for variant, each in described.variants.items():
        # A customer who must never get an offer gets none to learn from either.
        exploration = _NO_EXPLORATION if each.policy == "nothing" else settings.exploration
        if each.exploration is not None:
            exploration = ExplorationSettings(**each.exploration.model_dump())
        policies[variant] = ChoicePolicy(logged_variant(name, variant), each.policy, exploration)
    return policies
