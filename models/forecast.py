"""Churn and value of the same customers, that cannot contradict each other.

Both are read from one curve, the churn champion's, at their own horizons: who buys within the
shorter buys within the longer. Where the two champions read the same columns, customers are
encoded once and their amounts come from the same matrix.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from models.churn import ChurnModel
from models.horizons import Floats
from models.intervals import newcomers
from models.survival import as_of_days, interpolated
from models.value import ValueModel


@dataclass(frozen=True)
class Forecast:
    """What is expected of n customers; every array is of shape (n,).

    Attributes
    ----------
    churn_probability
        P(no order in the churn horizon).
    p_buys
        P(an order in the value horizon).
    value_if_buys, value, lower, upper
        Discounted margin over the value horizon, money: given an order, expected, and the
        bounds of its 90 % interval.
    """

    churn_probability: Floats
    p_buys: Floats
    value_if_buys: Floats
    value: Floats
    lower: Floats
    upper: Floats


def forecast(churn: ChurnModel, value: ValueModel, customers: pd.DataFrame) -> Forecast:
    """Score customers by both models; ``customers`` are vectors with ``as_of``."""
    days = as_of_days(customers)
    X = churn.encoder_.transform(customers)
    curve = churn.curve_.predict_encoded(X, days)
    horizons = churn.curve_.horizons_days
    asked = [churn.horizon_days, value.horizon_days]
    left, p_none = interpolated(curve, horizons, asked).T
    same = churn.encoder_ == value.buys_.encoder_
    own = X if same else value.buys_.encoder_.transform(customers)
    if value.horizon_days > horizons[-1]:
        # Too far for the churn champion's curve: the value champion's own goes on from there.
        theirs = value.buys_.curve_
        ends = interpolated(theirs.predict_encoded(own, days), theirs.horizons_days,
                            [horizons[-1], value.horizon_days])  # fmt: skip
        p_none = curve[:, -1] * ends[:, 1] / ends[:, 0]
    said = value.predict_encoded(own, days, p_none, newcomers(customers))
    return Forecast(left, 1.0 - p_none, said.if_buys, said.value, said.lower, said.upper)
