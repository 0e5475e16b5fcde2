"""Churn and value of the same customers, that cannot contradict each other.

Both are read from one curve, the churn champion's, at their own horizons: who buys within the
shorter buys within the longer. Where the two champions read the same columns, customers are
encoded once and their amounts come from the same matrix. A value horizon longer than the history
could teach goes on from the learned one (:mod:`models.churn_value.extrapolation`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from models.bundle.manifest import ValueBasis
from models.churn_value.churn import ChurnModel
from models.churn_value.extrapolation import Extension
from models.churn_value.horizons import Floats
from models.churn_value.intervals import newcomers
from models.churn_value.survival import as_of_days, interpolated
from models.churn_value.value import ValueModel


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
    value_horizon_days
        Over which value is counted.
    value_basis
        Whether that horizon was learned, or extrapolated from a shorter one that was: then the
        interval's coverage was measured over the shorter one alone.
    """

    churn_probability: Floats
    p_buys: Floats
    value_if_buys: Floats
    value: Floats
    lower: Floats
    upper: Floats
    value_horizon_days: int
    value_basis: ValueBasis


def forecast(
    churn: ChurnModel,
    value: ValueModel,
    customers: pd.DataFrame,
    extension: Extension | None = None,
) -> Forecast:
    """Score customers by both models.

    Parameters
    ----------
    customers
        Vectors with ``as_of``.
    extension
        To a value horizon longer than the value model's; by default its own is answered for.
    """
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
    amount, is_new = value.amounts(own, days), newcomers(customers)
    said = value.money(amount, p_none, is_new)
    near = Forecast(
        left, 1.0 - p_none, said.if_buys, said.value, said.lower, said.upper,
        value.horizon_days, "learned",
    )  # fmt: skip
    if extension is None or extension.horizon_days <= value.horizon_days:
        return near
    silence, growth = extension.beyond(customers, value.horizon_days)
    p_none = p_none * silence
    # Nothing was measured that could tell the interval's width so far ahead. It is taken as wide
    # as it can be: from nothing further to what buyers bring kept up for all days.
    longest = extension.horizon_days / value.horizon_days
    widest = value.money(amount.times(longest), p_none, is_new)
    reached = near.value * growth
    return replace(
        near,
        p_buys=1.0 - p_none,
        value=reached,
        value_if_buys=reached / np.maximum(1.0 - p_none, 1e-12),
        upper=np.maximum(widest.upper, reached),
        value_horizon_days=extension.horizon_days,
        value_basis="extrapolated",
    )
