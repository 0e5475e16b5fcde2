"""Results of an experiment with intervals that are valid whenever they are looked at.

The mixture sequential probability ratio test (Robbins 1970; Johari, Koomen, Pekelis & Walsh
2022, "Always valid inference", section 4): with difference ``d`` of two means, its variance
``V`` and a normal mixture of variance ``tau^2`` over the true difference,

    L = sqrt(V / (V + tau^2)) exp(tau^2 (d - theta)^2 / (2 V (V + tau^2)))

ever exceeds ``1 / a`` at the true ``theta`` with probability at most ``a``. The interval is all
``theta`` at which it has not; it may be read, and the experiment stopped, at any time. Means of
many customers are treated as normal with known variance (the asymptotic version: Waudby-Smith et
al. 2024, "Time-uniform central limit theory").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_FEWEST = 50
"""Customers per arm below which a mean is not yet normal: no conclusion is drawn."""


@dataclass(frozen=True)
class Arm:
    """One variant's outcomes in three numbers: how many, their mean, their variance."""

    n: int
    mean: float
    variance: float

    @classmethod
    def of(cls, outcomes: Floats) -> Arm:
        """Sum up outcomes, one per customer; customers without any outcome count as 0."""
        if len(outcomes) == 0:
            return cls(0, 0.0, 0.0)
        return cls(len(outcomes), float(outcomes.mean()), float(outcomes.var()))


@dataclass(frozen=True)
class Comparison:
    """A variant less the control, per customer.

    Attributes
    ----------
    low, high
        Always-valid interval; infinite while there are too few customers.
    p_value
        Always-valid p-value of no difference.
    """

    difference: float
    low: float
    high: float
    p_value: float

    @property
    def decided(self) -> bool:
        """Whether no difference is ruled out."""
        return self.low > 0 or self.high < 0


def compare(variant: Arm, control: Arm, *, scale: float, confidence: float = 0.95) -> Comparison:
    """Compare two arms, at any time and as often as wished.

    Parameters
    ----------
    scale
        The mixture's ``tau``: about the expected difference, in the unit of the outcome, set before
        the start. It affects how soon the interval is narrow, not its validity.
    """
    difference = variant.mean - control.mean
    if min(variant.n, control.n) < _FEWEST:
        return Comparison(difference, -np.inf, np.inf, 1.0)
    # One more customer with the pooled variance in each arm, so that no variance is zero.
    pooled = (variant.n * variant.variance + control.n * control.variance) / (variant.n + control.n)
    spread = sum(
        (arm.n * arm.variance + pooled) / (arm.n + 1) / arm.n for arm in (variant, control)
    )
    if spread == 0:
        return Comparison(difference, -np.inf, np.inf, 1.0)
    both = spread + scale**2
    log_ratio = 0.5 * np.log(spread / both) + scale**2 * difference**2 / (2 * spread * both)
    alpha = 1 - confidence
    half = np.sqrt(spread * both / scale**2 * np.log(both / (spread * alpha**2)))
    p_value = float(np.exp(-max(log_ratio, 0.0)))
    return Comparison(difference, float(difference - half), float(difference + half), p_value)


def results(
    outcomes: Mapping[str, Floats], control: str, *, scale: float, confidence: float = 0.95
) -> pd.DataFrame:
    """Return every variant beside the control, all intervals valid together (Bonferroni).

    Parameters
    ----------
    outcomes
        By variant, one outcome per assigned customer (money, or 0 and 1), shape (n,): by
        assignment, whether or not the treatment reached the customer.
    """
    arms = {name: Arm.of(values) for name, values in outcomes.items()}
    comparisons = max(1, len(arms) - 1)
    each = 1 - (1 - confidence) / comparisons
    rows = []
    for name, arm in arms.items():
        found = compare(arm, arms[control], scale=scale, confidence=each)
        own = name == control
        rows.append(
            {
                "variant": name,
                "customers": arm.n,
                "mean": arm.mean,
                "difference": 0.0 if own else found.difference,
                "low": np.nan if own else found.low,
                "high": np.nan if own else found.high,
                "p_value": np.nan if own else min(1.0, comparisons * found.p_value),
                "decided": not own and found.decided,
            }
        )
    return pd.DataFrame(rows).set_index("variant")
