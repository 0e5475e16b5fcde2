"""Tested causes: what changed churn in an experiment.

A held-out group shows what would have happened without the contact. The difference is causal only
if it was drawn at random. Records alone cannot prove that, but they can refute it: random arms have
the same distribution of everything known before. Interval: Newcombe 1998, method 10.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from features.vocabulary import Columns as C

Floats = NDArray[np.float64]

GRADED = (
    C.CAMPAIGN_ID,
    "treated",
    "held_out",
    "churn_treated",
    "churn_held_out",
    "effect",
    "low",
    "high",
    "effect_p",
    "balance_p",
    "grade",
)
_CHANCE_BELOW = 0.05
_FEWEST_IN_ARM = 30
# One in a hundred randomised campaigns is refuted by mistake.
_REFUTED_BELOW = 0.01
_Z = float(norm.ppf(0.975))


def grade_trials(trials: pd.DataFrame, known_before: Sequence[str]) -> pd.DataFrame:
    """Compare treated with held-out customers, campaign by campaign, and grade the evidence.

    Parameters
    ----------
    trials
        One row per customer and campaign: ``customer_id``, ``campaign_id``, ``treated`` (bool),
        ``churned`` (0 or 1 in the horizon after the contact), and ``known_before``.
    known_before
        Numbers that were known before the contact, such as days since the last order: where
        the arms differ in one more than chance explains, the campaign was not randomised.

    Returns
    -------
    ``campaign_id``; ``treated`` and ``held_out`` customers; ``churn_treated`` and
    ``churn_held_out``; ``effect`` (their difference, negative where the contact kept
    customers) from ``low`` to ``high`` (95 %) and its ``effect_p``; ``balance_p`` (the least
    of ``known_before``, Bonferroni-corrected) and ``grade``: "randomised"; "observational",
    where the arms are unlike, small, or nothing was known before; "risk_only", where nobody
    was held out.
    """
    rows = [
        (campaign, *_compare(part, known_before))
        for campaign, part in trials.groupby(C.CAMPAIGN_ID, sort=True)
    ]
    return pd.DataFrame(rows, columns=list(GRADED))


def randomised_causes(graded: pd.DataFrame) -> pd.DataFrame:
    """Keep the campaigns that were randomised and whose effect is not chance.

    Of many campaigns some seem to work by chance alone: the level of 5 % is shared between
    those that were randomised (Bonferroni).
    """
    randomised = graded[graded["grade"] == "randomised"]
    certain = randomised["effect_p"] * len(randomised) < _CHANCE_BELOW
    return randomised[certain].reset_index(drop=True)


def difference_interval(
    events_1: int, n_1: int, events_2: int, n_2: int
) -> tuple[float, float, float]:
    """Return the difference of two shares and its 95 % interval (Newcombe 1998, method 10)."""
    p_1, low_1, high_1 = _wilson(events_1, n_1)
    p_2, low_2, high_2 = _wilson(events_2, n_2)
    below = np.hypot(p_1 - low_1, high_2 - p_2)
    above = np.hypot(high_1 - p_1, p_2 - low_2)
    return p_1 - p_2, float(p_1 - p_2 - below), float(p_1 - p_2 + above)


def _compare(part: pd.DataFrame, known_before: Sequence[str]) -> tuple[float | str, ...]:
    treated = part[C.TREATED].to_numpy(dtype=bool)
    churned = part["churned"].to_numpy(dtype=np.float64)
    n_1, n_2 = int(treated.sum()), int((~treated).sum())
    events_1, events_2 = int(churned[treated].sum()), int(churned[~treated].sum())
    rate_1 = events_1 / n_1 if n_1 else np.nan
    if not n_1 or not n_2:
        rate_2 = events_2 / n_2 if n_2 else np.nan
        return (n_1, n_2, rate_1, rate_2, *[np.nan] * 5, "risk_only")
    effect, low, high = difference_interval(events_1, n_1, events_2, n_2)
    balance = _balance_p(part, treated, known_before)
    convincing = min(n_1, n_2) >= _FEWEST_IN_ARM and balance >= _REFUTED_BELOW
    grade = "randomised" if convincing else "observational"
    common = (events_1 + events_2) / (n_1 + n_2)
    error = np.sqrt(common * (1 - common) * (1 / n_1 + 1 / n_2))
    chance = 2 * float(norm.sf(abs(effect) / error)) if error > 0 else 1.0
    return (n_1, n_2, rate_1, events_2 / n_2, effect, low, high, chance, balance, grade)


def _balance_p(part: pd.DataFrame, treated: NDArray[np.bool_], names: Sequence[str]) -> float:
    """Return the least p-value of a difference between the arms; NaN where nothing is known."""
    chances = []
    for name in names:
        values = part[name].to_numpy(dtype=np.float64)
        first, second = (arm[~np.isnan(arm)] for arm in (values[treated], values[~treated]))
        if min(len(first), len(second)) < 2:
            continue
        error = np.sqrt(first.var(ddof=1) / len(first) + second.var(ddof=1) / len(second))
        distance = abs(first.mean() - second.mean())
        z = distance / error if error > 0 else (np.inf if distance > 0 else 0.0)
        chances.append(2 * float(norm.sf(z)))
    return min(1.0, min(chances) * len(chances)) if chances else float("nan")


def _wilson(events: int, n: int) -> tuple[float, float, float]:
    """Return a share and its Wilson interval."""
    p = events / n
    middle = (p + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * np.sqrt(p * (1 - p) / n + _Z**2 / (4 * n**2))
    return p, float(middle - half), float(middle + half)
