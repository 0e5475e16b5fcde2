"""Input of the scorecard: outcomes, predictions, and data for its plots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.metrics.profit import PUBLISHED_CAMPAIGN, Campaign

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Intervals:
    """Predictive intervals meant to cover a share ``level`` of the outcomes, shape (n,) each."""

    low: Floats
    high: Floats
    level: float


@dataclass(frozen=True, eq=False)
class Quantiles:
    """Predicted quantiles, shape (n, k), at rising ``levels``, shape (k,)."""

    values: Floats
    levels: Floats


@dataclass(frozen=True, eq=False)
class Survival:
    """When the next order came, and when it was expected.

    Attributes
    ----------
    duration_days
        From the cutoff to the next order, or to the end of what is known; shape (n,).
    ordered
        True where the duration ended in an order.
    days, expected
        Mean predicted share without an order by each day after the cutoff, by model, (k,).
    """

    duration_days: Floats
    ordered: NDArray[np.bool_]
    days: Floats
    expected: Mapping[str, Floats]


@dataclass(frozen=True, eq=False)
class OrderTracking:
    """Cumulative order days of all test customers by days after the cutoff, shape (k,) each."""

    days: Floats
    actual: Floats
    expected: Mapping[str, Floats]


@dataclass(frozen=True, eq=False)
class PurchaseMatrices:
    """What a buy-till-you-die model predicts by repeat orders and day of the last order.

    Attributes
    ----------
    frequency
        Repeat orders, shape (f,).
    recency_days
        Days from the first to the last order, shape (r,).
    p_alive, expected_orders
        Shape (f, r), for a customer of ``age_days``.
    """

    frequency: Floats
    recency_days: Floats
    p_alive: Floats
    expected_orders: Floats
    age_days: float
    horizon_days: float


@dataclass(frozen=True, eq=False)
class Contributions:
    """Each feature's contribution to each score, of a sample of customers.

    Attributes
    ----------
    effects
        One row a customer, one column a feature, in the unit of the score.
    values
        The same features' values, in the same rows.
    families
        Each feature's family.
    unit
        What an effect is measured in, as ``logit of churn``.
    """

    effects: pd.DataFrame
    values: pd.DataFrame
    families: Mapping[str, str]
    unit: str


@dataclass(frozen=True, eq=False)
class Judgement:
    """One model and its baselines on one held-out window. All but the first four are optional.

    Attributes
    ----------
    task
        ``churn``: outcomes 0 or 1 and probabilities. ``value``: money.
    model
        The model that is judged; a key of ``predicted``.
    actual
        Outcomes, shape (n,).
    predicted
        Predictions of the model and of each baseline, shape (n,) each.
    title
        Of the page, as "Churn of corner shop".
    definition
        Meaning of the numbers in words, in the order of showing: horizon, population, currency,
        ``as_of``, test window.
    notes
        Caveats about the data.
    currency
        Currency of money.
    groups
        One column per way to divide the customers (tier, country), one row a customer.
    campaign
        The economics behind the expected maximum profit.
    intervals, quantiles
        Of the value, by model.
    cohorts
        Share of each cohort (row) active in each period since (column), NaN if not yet known.
    movement
        Customers by where they were (row) and are (column).
    """

    task: Literal["churn", "value"]
    model: str
    actual: Floats
    predicted: Mapping[str, Floats]
    title: str = ""
    definition: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    currency: str = ""
    groups: pd.DataFrame = field(default_factory=pd.DataFrame)
    campaign: Campaign = PUBLISHED_CAMPAIGN
    intervals: Mapping[str, Intervals] = field(default_factory=dict)
    quantiles: Mapping[str, Quantiles] = field(default_factory=dict)
    survival: Survival | None = None
    tracking: OrderTracking | None = None
    matrices: PurchaseMatrices | None = None
    cohorts: pd.DataFrame | None = None
    contributions: Contributions | None = None
    movement: pd.DataFrame | None = None

    def __post_init__(self) -> None:
        """Refuse inconsistent input: a caller's mistake, not a user's."""
        n = len(self.actual)
        for name, values in self.predicted.items():
            if values.shape != (n,) or not np.isfinite(values).all():
                raise ValueError(f"{name} must hold one finite number for each of {n} outcomes")
        if n == 0 or not np.isfinite(self.actual).all():
            raise ValueError("there must be outcomes, and all of them known")
        if self.model not in self.predicted:
            raise ValueError(f"{self.model} has no predictions: {', '.join(self.predicted)} have")
        if self.groups.shape[1] and len(self.groups) != n:
            raise ValueError(f"groups has {len(self.groups)} rows for {n} outcomes")
        if self.task == "churn" and not np.isin(self.actual, (0.0, 1.0)).all():
            raise ValueError("a customer has churned, 1, or not, 0")

    @property
    def ours(self) -> Floats:
        """Predictions of the judged model."""
        return self.predicted[self.model]

    @property
    def baselines(self) -> list[str]:
        """Names of the baselines, in their order."""
        return [name for name in self.predicted if name != self.model]
