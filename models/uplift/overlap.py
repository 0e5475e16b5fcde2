"""Could everybody have been treated, and everybody held out? What an effect's claim rests on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.special import expit
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from models.boosting import BoostingParameters, Ensemble
from models.uplift.trial import Floats, deal_folds

SAFE_LOW: Final = 0.1
"""Propensities below this, or above 1 less this, are nearly rules (Crump, Hotz et al. 2009)."""

PROPENSITY_BOOSTING: Final = BoostingParameters(
    rounds=60, learning_rate=0.05, leaves=7, column_share=0.7, members=1
)

_FOLDS = 3
_MOST_OUTSIDE = 0.2
_FEWEST_EFFECTIVE = 100.0
_RARELY_BY_CHANCE = 0.01
# Folds learn from each other's rows, so what they tell of a coin spreads wider than what one
# fixed model would: up to 1.5 times, measured on tossed coins.
_SPREAD_OF_CROSS_FITTING = 1.5


@dataclass(frozen=True)
class Overlap:
    """How alike the treated and the held out are.

    Attributes
    ----------
    auc
        ROC AUC of telling them apart by features; one half where a coin was tossed.
    looks_random
        Whether features tell no more of treatment than the lot does, up to chance (1 %).
    share_outside
        Share of customers whose propensity is nearly a rule.
    effective_treated, effective_held_out
        Effective sample size of each arm once weighed to look like everyone (Kish 1965).
    """

    auc: float
    looks_random: bool
    share_outside: float
    effective_treated: float
    effective_held_out: float

    @property
    def holds(self) -> bool:
        """Whether effects may be estimated by comparing the arms."""
        fewest = min(self.effective_treated, self.effective_held_out)
        return self.share_outside <= _MOST_OUTSIDE and fewest >= _FEWEST_EFFECTIVE

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
    for held in range(_FOLDS):
        taught, asked = fold != held, fold == held
        trees = Ensemble.fit(
            X[taught],
            treated[taught],
            weight=np.ones(int(taught.sum())),
            objective="binary",
            parameters=parameters,
            categorical=categorical,
        )
        propensity[asked] = expit(trees.raw_score(X[asked]))
    return propensity


def check_overlap(treated: Floats, estimated: Floats, designed: Floats | None = None) -> Overlap:
    """Measure overlap; both arms must be there.

    Parameters
    ----------
    estimated
        Cross-fitted propensities, shape (n,).
    designed
        Chances with which lots were drawn; by default the same for all. Treatment looks random
        if the estimate tells nothing of it beyond the design: the score test of
        ``treated - designed`` against ``estimated - designed``.
    """
    lot = np.full(len(treated), treated.mean()) if designed is None else designed
    beyond = estimated - lot
    spread = np.sqrt((lot * (1 - lot)) @ beyond**2)
    told = (treated - lot) @ beyond / spread if spread > 0 else 0.0
    looks_random = bool(told < norm.isf(_RARELY_BY_CHANCE) * _SPREAD_OF_CROSS_FITTING)
    # A small holdout drawn by lot is no lack of overlap: everyone could be in it.
    used = lot if looks_random else estimated
    outside = (estimated < SAFE_LOW) | (estimated > 1 - SAFE_LOW)
    return Overlap(
        auc=float(roc_auc_score(treated, estimated)),
        looks_random=looks_random,
        share_outside=0.0 if looks_random else float(outside.mean()),
        effective_treated=effective_sample_size(1 / used[treated == 1]),
        effective_held_out=effective_sample_size(1 / (1 - used[treated == 0])),
    )


def effective_sample_size(weights: Floats) -> float:
    """Return ``(sum w)^2 / sum w^2``: how many equally weighted rows are worth as much (Kish)."""
    squares = float(weights @ weights)
    return float(weights.sum() ** 2 / squares) if squares > 0 else 0.0


def bounded(propensity: Floats, low: float = 0.02) -> Floats:
    """Return propensities kept inside ``[low, 1 - low]``, so that no customer weighs too much."""
    return np.clip(propensity, low, 1 - low)
