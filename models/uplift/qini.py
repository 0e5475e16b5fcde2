"""Qini: how many more outcomes a ranking brings than treating customers at random.

Treat the share ``s`` of highest score. The gain is ``s`` times the difference of mean outcomes
of treated and held-out customers within it, each weighed by the inverse probability of its arm
(Radcliffe 2007, "Using control groups to target on predicted lift"; with one propensity for
all, his equation). Random ranking gives the straight line to the average effect ``t``. Qini is
the area between curve and line, divided by that of the best curve on which nobody is put off:
it climbs with slope 1 to ``t`` and stays, so the divisor is ``t (1 - t) / 2``. This is
Radcliffe's ``Q0``: 0 for random, 1 for the best; above 1 only where some are put off.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.uplift.trial import Floats, Integers, Trial

_REPLICATES = 200
_BAND = (0.025, 0.975)


@dataclass(frozen=True)
class QiniCurve:
    """Gain in outcomes per customer at each share treated, both starting at 0."""

    share: Floats
    gain: Floats

    @property
    def average_effect(self) -> float:
        """Gain of treating everyone."""
        return float(self.gain[-1])

    @property
    def area(self) -> float:
        """Area between the curve and random, in outcomes per customer."""
        return float(np.trapezoid(self.gain - self.share * self.gain[-1], self.share))

    @property
    def qini(self) -> float:
        """Radcliffe's Q0; NaN where treating everyone gains nothing, as there is no measure."""
        effect = self.average_effect
        return self.area / (effect * (1 - effect) / 2) if effect > 0 else float("nan")


@dataclass(frozen=True)
class _Ranking:
    """Rows from the highest score down, and the last place of each group of equal scores."""

    order: Integers
    last: Integers

    @classmethod
    def of(cls, scores: Floats) -> _Ranking:
        order = np.argsort(-scores, kind="stable")
        last = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
        return cls(order, last)


def qini_curve(scores: Floats, trial: Trial) -> QiniCurve:
    """Return the curve of a ranking; within equal scores it is straight, as of random order."""
    return _curve(_Ranking.of(scores), trial, np.ones(len(trial)))


def qini_table(
    scores: Mapping[str, Floats],
    trial: Trial,
    reference: str,
    *,
    replicates: int = _REPLICATES,
    seed: int = 0,
) -> pd.DataFrame:
    """Return the Qini of rankings with 95 % bootstrap bands, and their lead on one of them.

    Parameters
    ----------
    scores
        By ranking: shape (n,), or (repeats, n) for scores cross-fitted several times, whose
        Qini is the mean over the repeats.
    reference
        The ranking that the others are compared with, on the same resampled customers.

    Returns
    -------
    Frame indexed by ranking: ``qini, low, high, lead, lead_low, lead_high``.
    """
    rankings = {
        name: [_Ranking.of(each) for each in np.atleast_2d(values)]
        for name, values in scores.items()
    }

    def measure(weight: Floats) -> list[float]:
        return [
            float(np.mean([_curve(ranking, trial, weight).qini for ranking in repeats]))
            for repeats in rankings.values()
        ]

    rng = np.random.default_rng(seed)
    point = np.array(measure(np.ones(len(trial))))
    # Poisson weights: a bootstrap that needs no rows copied (Chamandy et al. 2012).
    drawn = np.array(
        [measure(rng.poisson(1.0, len(trial)).astype(np.float64)) for _ in range(replicates)]
    )
    base = list(rankings).index(reference)
    low, high = np.nanquantile(drawn, _BAND, axis=0)
    lead_low, lead_high = np.nanquantile(drawn - drawn[:, [base]], _BAND, axis=0)
    return pd.DataFrame(
        {
            "qini": point,
            "low": low,
            "high": high,
            "lead": point - point[base],
            "lead_low": lead_low,
            "lead_high": lead_high,
        },
        index=pd.Index(list(rankings), name="ranking"),
    )


def _curve(ranking: _Ranking, trial: Trial, weight: Floats) -> QiniCurve:
    order, last = ranking.order, ranking.last
    arm = weight * trial.weight
    of_treated, of_held_out = arm * trial.treated, arm * (1 - trial.treated)

    def down_to(values: Floats) -> Floats:
        return np.asarray(np.cumsum(values[order])[last])

    share = down_to(weight) / weight.sum()
    treated, held_out = down_to(of_treated), down_to(of_held_out)
    # An arm without customers so far says nothing; the curve starts at zero there.
    known = (treated > 0) & (held_out > 0)
    lift = np.zeros(len(last))
    lift[known] = (
        down_to(of_treated * trial.outcome)[known] / treated[known]
        - down_to(of_held_out * trial.outcome)[known] / held_out[known]
    )
    return QiniCurve(np.append(0.0, share), np.append(0.0, share * lift))
