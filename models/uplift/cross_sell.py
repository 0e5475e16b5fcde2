"""Do customers who hold more stay because they hold more? Raw beside adjusted.

Customers with many products leave less; but they also bought more often, came longer ago and
were won otherwise. The effect of one more product is the churn of those with ``k + 1`` products
less that of those with ``k``, adjusted for everything else known before: augmented inverse
propensity weighting (Robins, Rotnitzky & Zhao 1994), its outcome models and propensities
cross-fitted (Chernozhukov et al. 2018), step by step from one product to many.

Who holds what was not randomised, so the evidence is at best ``observational``: what is not in the
vectors (a plan to leave, say) is not adjusted for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from models.boosting import BoostingParameters, Ensemble
from models.parallel import parallel_map
from models.uplift.chooser import pseudo_outcomes
from models.uplift.evidence import Grade, grade_evidence
from models.uplift.overlap import Overlap, bounded, check_overlap, is_comparable
from models.uplift.trial import FEWEST_OF_EACH, Booleans, Floats, Trial, deal_folds

OUTCOME_BOOSTING: Final = BoostingParameters(
    rounds=80, learning_rate=0.05, leaves=8, min_rows_in_leaf=50, column_share=0.5, members=1
)

_FOLDS = 5
_TWO_SIDED_95 = 1.96


@dataclass(frozen=True)
class Effect:
    """A difference in churn probability with its 95 % interval."""

    value: float
    low: float
    high: float

    @classmethod
    def of_mean(cls, values: Floats) -> Effect:
        """Return the mean of independent values and its normal interval; of too few, none."""
        if len(values) < FEWEST_OF_EACH:
            return cls(float("nan"), float("-inf"), float("inf"))
        mean = float(values.mean())
        half = _TWO_SIDED_95 * float(values.std(ddof=1)) / np.sqrt(len(values))
        return cls(mean, mean - half, mean + half)


@dataclass(frozen=True, eq=False)
class Step:
    """From ``held`` products to one more.

    Attributes
    ----------
    customers
        Those with ``held`` or ``held + 1`` products who are comparable
        (:func:`~models.uplift.overlap.is_comparable`).
    raw, adjusted
        Change in P(churned), as found, and adjusted for everything else known.
    per_customer
        Row numbers of ``customers``, and a score of each whose mean is the adjusted effect.
    """

    held: int
    customers: int
    raw: Effect
    adjusted: Effect
    overlap: Overlap
    grade: Grade
    rows: NDArray[np.int64]
    per_customer: Floats


def cross_sell_effect(
    X: Floats,
    held: NDArray[np.int64],
    churned: Floats,
    *,
    categorical: Sequence[int] = (),
    most: int = 5,
    boosting: BoostingParameters = OUTCOME_BOOSTING,
    seed: int = 0,
) -> list[Step]:
    """Return the effect of one more product, for each number held from 1 to ``most - 1``.

    Parameters
    ----------
    X
        What else is known of each customer at the cutoff, shape (n, features), without other
        measures of how much is held: adjusting for them would adjust the effect away.
    held
        Products or categories held at the cutoff.
    churned
        0 or 1 over the horizon after it.
    most
        Where the steps end. A step without 20 customers with and without the outcome on both
        sides is left out.
    """
    steps = []
    for number in range(1, most):
        rows = np.flatnonzero((held == number) | (held == number + 1))
        more = (held[rows] == number + 1).astype(np.float64)
        if _enough(more, churned[rows]):
            steps.append(
                _step(number, rows, X[rows], more, churned[rows], list(categorical), boosting, seed)
            )
    return steps


def cross_sell_report(steps: Sequence[Step]) -> pd.DataFrame:
    """Return one row per step: raw beside adjusted, the evidence, and why."""
    return pd.DataFrame(
        [
            {
                "from": step.held,
                "to": step.held + 1,
                "customers": step.customers,
                "raw": step.raw.value,
                "raw_low": step.raw.low,
                "raw_high": step.raw.high,
                "adjusted": step.adjusted.value,
                "adjusted_low": step.adjusted.low,
                "adjusted_high": step.adjusted.high,
                "evidence": step.grade.evidence,
                "because": step.grade.because,
            }
            for step in steps
        ]
    )


def retention_term(step: Step) -> Effect:
    """Return the fall in churn that an offer value may count on.

    Only what is proven: the adjusted fall where its whole interval is a fall and the groups can
    be compared; else nothing.
    """
    proven = step.grade.evidence != "risk_only" and step.adjusted.high < 0
    if not proven:
        return Effect(0.0, 0.0, max(0.0, -step.adjusted.low))
    return Effect(-step.adjusted.value, -step.adjusted.high, -step.adjusted.low)


def _enough(more: Floats, churned: Floats) -> bool:
    sizes = [((more == arm) & (churned == outcome)).sum() for arm in (0, 1) for outcome in (0, 1)]
    return bool(min(sizes) >= FEWEST_OF_EACH)


def _step(
    number: int,
    rows: NDArray[np.int64],
    X: Floats,
    more: Floats,
    churned: Floats,
    categorical: list[int],
    boosting: BoostingParameters,
    seed: int,
) -> Step:
    parameters = replace(boosting, seed=seed, threads=1)

    def fit_trees(target: Floats, train: Booleans) -> Ensemble:
        return Ensemble.fit(
            X[train],
            target[train],
            weight=np.ones(int(train.sum())),
            objective="binary",
            parameters=parameters,
            categorical=categorical,
        )

    fold = deal_folds(2 * more + churned, _FOLDS, seed)
    propensity, if_more, if_not = (np.empty(len(more)) for _ in range(3))

    def cross_fit(number_of_fold: int) -> None:
        test, train = fold == number_of_fold, fold != number_of_fold
        propensity[test] = expit(fit_trees(more, train).raw_score(X[test]))
        if_more[test] = expit(fit_trees(churned, train & (more == 1)).raw_score(X[test]))
        if_not[test] = expit(fit_trees(churned, train & (more == 0)).raw_score(X[test]))

    parallel_map(cross_fit, range(_FOLDS))
    overlap = check_overlap(more, propensity)
    comparable = is_comparable(propensity)
    trial = Trial(X, more, churned, bounded(propensity), categorical).take(comparable)
    scores = pseudo_outcomes(trial, if_more[comparable], if_not[comparable])
    return Step(
        held=number,
        customers=int(comparable.sum()),
        raw=_raw(more, churned),
        adjusted=Effect.of_mean(scores),
        overlap=overlap,
        grade=grade_evidence("observational", overlap),
        rows=rows[comparable],
        per_customer=scores,
    )


def _raw(more: Floats, churned: Floats) -> Effect:
    with_more, without = churned[more == 1], churned[more == 0]
    difference = float(with_more.mean() - without.mean())
    variance = with_more.var() / len(with_more) + without.var() / len(without)
    half = _TWO_SIDED_95 * float(np.sqrt(variance))
    return Effect(difference, difference - half, difference + half)
