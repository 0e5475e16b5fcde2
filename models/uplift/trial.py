"""Customers who were treated or held out, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from features.errors import TrainingError
from models.uplift.traits import EffectColumns

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

FEWEST_OF_EACH = 20
"""Treated and held-out customers with and without the outcome, below which nothing is learned."""


@dataclass(frozen=True, eq=False)
class Trial:
    """One treatment against holding out, with a binary outcome.

    Attributes
    ----------
    X
        Features known before the treatment, shape (n, features).
    treated, outcome
        0 or 1 per customer, shape (n,).
    propensity
        P(treated | X) as designed, or as estimated where treatment was not random; inside (0, 1).
    categorical
        Positions of the category columns of ``X``.
    effect_columns
        The columns on which effects may depend, where a learner takes only a few; None for all.
    """

    X: Floats
    treated: Floats
    outcome: Floats
    propensity: Floats
    categorical: list[int] = field(default_factory=list)
    effect_columns: EffectColumns | None = None

    def __len__(self) -> int:
        return len(self.treated)

    def take(self, rows: Integers | Booleans) -> Trial:
        """Return the trial of some customers."""
        return Trial(
            self.X[rows],
            self.treated[rows],
            self.outcome[rows],
            self.propensity[rows],
            self.categorical,
            self.effect_columns,
        )

    @property
    def weight(self) -> Floats:
        """Inverse probability of the arm that each customer was in."""
        return self.treated / self.propensity + (1 - self.treated) / (1 - self.propensity)

    @property
    def average_effect(self) -> float:
        """Difference of the arms' weighted mean outcomes (Hajek's estimator)."""
        of_treated, of_held_out = self.weight * self.treated, self.weight * (1 - self.treated)
        return float(
            of_treated @ self.outcome / of_treated.sum()
            - of_held_out @ self.outcome / of_held_out.sum()
        )

    def require_enough(self) -> None:
        """Refuse a trial that cannot teach an effect.

        Raises
        ------
        TrainingError
            An arm has fewer than 20 customers with the outcome, or without it.
        """
        for arm, name in ((1, "treated"), (0, "held out")):
            own = self.outcome[self.treated == arm]
            fewest = int(min(own.sum(), len(own) - own.sum()))
            if fewest < FEWEST_OF_EACH:
                raise TrainingError(
                    f"{len(own)} customers were {name}, {int(own.sum())} of them with the outcome: "
                    "too few to estimate an effect from",
                    f"hold out and treat more customers, until each arm has {FEWEST_OF_EACH} "
                    "with and without the outcome; until then the list ranks by risk and value",
                )


def deal_folds(strata: Floats | Integers, folds: int, seed: int) -> Integers:
    """Return each row's fold, 0 to ``folds - 1``, every stratum dealt evenly over them."""
    rng = np.random.default_rng(seed)
    fold = np.empty(len(strata), dtype=np.int64)
    dealt = 0
    for stratum in np.unique(strata):
        rows = rng.permutation(np.flatnonzero(strata == stratum))
        # Each stratum goes on where the last one ended, so that folds are of equal size.
        fold[rows] = (dealt + np.arange(len(rows))) % folds
        dealt += len(rows)
    return fold
