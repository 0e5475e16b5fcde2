"""Could everybody have been treated, and everybody held out? What an effect's claim rests on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.special import expit
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from models.boosting import BoostingParameters, Ensemble
from models.uplift.trial import Booleans, Floats, deal_folds

LOWEST_COMPARABLE: Final = 0.1
"""Customers with a propensity below this, or above 1 less this, have hardly anyone to be compared
with (Crump, Hotz, Imbens & Mitnik 2009)."""

PROPENSITY_BOOSTING: Final = BoostingParameters(
    rounds=60, learning_rate=0.05, leaves=7, column_share=0.7, members=1
)

_FOLDS = 3
_LARGEST_SHARE_OUTSIDE = 0.2
_SMALLEST_EFFECTIVE_SIZE = 100.0
_SIGNIFICANCE = 0.01
# Cross-fitted models share training rows, so the statistic of treatment drawn at random varies more
# than a standard normal: up to 1.5 times as much in simulations.
_CROSS_FITTING_INFLATION = 1.5


@dataclass(frozen=True)
class Overlap:
    """How alike the treated and the held out are.

    Attributes
    ----------
    auc
        ROC AUC of telling them apart by features; one half where treatment was random.
    looks_random
        Whether features predict treatment no better than the design does (1 % level).
    share_outside
        Share of customers with hardly anyone to be compared with; see :func:`is_comparable`.
    effective_treated, effective_held_out
        Effective sample size of each arm once weighted to look like everyone (Kish 1965).
    """

    auc: float
    looks_random: bool
    share_outside: float
    effective_treated: float
    effective_held_out: float

    @property
    def holds(self) -> bool:
        """Whether effects may be estimated by comparing the arms."""
        smallest = min(self.effective_treated, self.effective_held_out)
        return self.share_outside <= _LARGEST_SHARE_OUTSIDE and smallest >= _SMALLEST_EFFECTIVE_SIZE

    @property
    def says(self) -> str:
        """The finding in words."""
        found = (
            f"propensity AUC {self.auc:.2f}, {self.share_outside:.0%} of customers were nearly "
            f"sure to be treated or held out, effective sample {self.effective_treated:,.0f} "
            f"treated and {self.effective_held_out:,.0f} held out"
        )
        if self.looks_random:
            return f"treatment looks random: {found}"
        if self.holds:
            return f"treatment depends on the customer, but the groups overlap: {found}"
        return (
            f"the groups do not overlap: {found}; for many customers nobody alike was treated "
            "otherwise, so no effect can be read off"
        )


def estimate_propensity(
    X: Floats, treated: Floats, categorical: list[int], *, seed: int = 0
) -> Floats:
    """Return P(treated | X) of each customer by trees that did not see this customer."""
    fold = deal_folds(treated, _FOLDS, seed)
    propensity = np.empty(len(treated))
    parameters = replace(PROPENSITY_BOOSTING, seed=seed)
    for number in range(_FOLDS):
        train, test = fold != number, fold == number
        trees = Ensemble.fit(
            X[train],
            treated[train],
            weight=np.ones(int(train.sum())),
            objective="binary",
            parameters=parameters,
            categorical=categorical,
        )
        propensity[test] = expit(trees.raw_score(X[test]))
    return propensity


def check_overlap(treated: Floats, estimated: Floats, designed: Floats | None = None) -> Overlap:
    """Measure overlap; both arms must be there.

    Parameters
    ----------
    estimated
        Cross-fitted propensities, shape (n,).
    designed
        Propensities by which treatment was drawn; by default the same for all. Treatment looks
        random if the estimate predicts it no better: the score test of ``treated - designed``
        against ``estimated - designed``.
    """
    design = np.full(len(treated), treated.mean()) if designed is None else designed
    excess = estimated - design
    error = np.sqrt((design * (1 - design)) @ excess**2)
    z_score = (treated - design) @ excess / error if error > 0 else 0.0
    looks_random = bool(z_score < norm.isf(_SIGNIFICANCE) * _CROSS_FITTING_INFLATION)
    # A small holdout drawn at random is no lack of overlap: everyone could be in it.
    used = design if looks_random else estimated
    return Overlap(
        auc=float(roc_auc_score(treated, estimated)),
        looks_random=looks_random,
        share_outside=0.0 if looks_random else float((~is_comparable(estimated)).mean()),
        effective_treated=effective_sample_size(1 / used[treated == 1]),
        effective_held_out=effective_sample_size(1 / (1 - used[treated == 0])),
    )


def is_comparable(propensity: Floats) -> Booleans:
    """Return of whom there are enough alike in both arms, shape (n,)."""
    low, high = LOWEST_COMPARABLE, 1 - LOWEST_COMPARABLE
    return np.asarray((propensity >= low) & (propensity <= high))


def effective_sample_size(weights: Floats) -> float:
    """Return ``(sum w)^2 / sum w^2``: how many equally weighted rows are worth as much (Kish)."""
    squares = float(weights @ weights)
    return float(weights.sum() ** 2 / squares) if squares > 0 else 0.0


def bounded(propensity: Floats, low: float = 0.02) -> Floats:
    """Return propensities kept inside ``[low, 1 - low]``, so that no customer weighs too much."""
    return np.clip(propensity, low, 1 - low)
