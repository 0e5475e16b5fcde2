"""Checks before a fit: enough repeat customers, and assumptions that the data does not refute."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma

from features.errors import TrainingError
from models.btyd.summary import Summary

Floats = NDArray[np.float64]

FEWEST_REPEATERS = 10
_ENOUGH_REPEATERS = 100
_NEGLIGIBLE_CORRELATION = 0.1


def check_histories(summary: Summary) -> list[str]:
    """Return warnings about the histories.

    Raises
    ------
    TrainingError
        Fewer than ten customers came back.
    """
    repeaters = int(summary.customers[summary.frequency > 0].sum())
    if repeaters < FEWEST_REPEATERS:
        raise TrainingError(
            f"only {repeaters} customers bought again: too few to learn how often people do",
            "bring a longer history",
        )
    if repeaters < _ENOUGH_REPEATERS:
        return [
            f"Only {repeaters} customers bought again: standard errors are wide. "
            "Bring a longer history, or plan with the totals alone."
        ]
    return []


def spend_correlation(frequency: Floats, spend: Floats, p: float) -> tuple[float, float, float]:
    """Return the correlation of frequency with log spend, with its 95 % interval (Fisher's z).

    Logarithms, so that one rich customer does not decide. Under Gamma-Gamma the expected log of a
    mean depends on the number x of purchases averaged, as digamma(p x) - log(p x); that is
    subtracted.
    """
    if len(frequency) < 4 or np.ptp(frequency) == 0 or np.ptp(spend) == 0:
        return 0.0, -1.0, 1.0
    expected = digamma(p * frequency) - np.log(p * frequency)
    correlation = float(np.corrcoef(frequency, np.log(spend) - expected)[0, 1])
    centre = np.arctanh(np.clip(correlation, -0.999999, 0.999999))
    half = 1.96 / np.sqrt(len(frequency) - 3)
    return correlation, float(np.tanh(centre - half)), float(np.tanh(centre + half))


def check_spend(frequency: Floats, spend: Floats, p: float) -> list[str]:
    """Return a warning where spend per purchase goes with the number of purchases.

    Gamma-Gamma assumes that it does not. Warns only of a correlation that is both significant and
    large enough to matter.

    Parameters
    ----------
    p
        Gamma-Gamma's, as fitted.
    """
    correlation, low, high = spend_correlation(frequency, spend, p)
    if low <= 0 <= high or abs(correlation) < _NEGLIGIBLE_CORRELATION:
        return []
    more = "more" if correlation > 0 else "less"
    return [
        f"Customers who buy often spend {more} per purchase (correlation {correlation:.2f}, "
        f"95 % interval {low:.2f} to {high:.2f}), which Gamma-Gamma takes to be unrelated: it "
        "misjudges the most frequent. Use the value model instead "
        "(models.churn_value.value), which learns spend from the whole vector."
    ]
