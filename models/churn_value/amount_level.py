"""The common level of amounts: one factor for all windows, and the swing of each, forecast.

What customers spent of late is among the columns of the trees: their amounts swing with the
season, and do not drift besides. One year cannot tell a season from chance and the next one pays
for the doubt, so a season is believed unless the levels speak against it by a factor of e^2.
Chosen while levels of silence were forecast by their trend: totals at 14 March and 12 June 2011 of
Online Retail II were missed by +13 and +6 % this way, by -17 and -29 % with the likeliest season
and no calendar in the trees; as levels are forecast now, by +17 and +22 %.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.churn_value.amount import Described
from models.churn_value.levels import LevelForecast
from models.churn_value.survival import recency_weight

Floats = NDArray[np.float64]
Days = NDArray[np.int64]

_DRIFTS, _DOUBT = (0.03,), 2.0
_LARGEST_LEVEL = 1.0
_FEWEST_BUYERS_OF_A_LEVEL = 2


@dataclass(frozen=True)
class AmountLevel:
    """What amounts are multiplied by.

    Attributes
    ----------
    factor
        Brings buyers' totals into agreement over all windows; 0 where they brought nothing.
    swing
        Of each window around it, in logs.
    horizon_days
        The value horizon that both belong to.
    """

    factor: float
    swing: LevelForecast
    horizon_days: int

    @classmethod
    def fit(
        cls, mean: Floats, margin: Floats, days: Days, horizon_days: int, half_life_days: float
    ) -> AmountLevel:
        """Compare what buyers were expected to bring with what they brought, (n,) each.

        Buyers at a loss are in the totals, so that value is not flattered by leaving them out.
        """
        weight = recency_weight(days, half_life_days)
        factor = max(float(weight @ margin), 0.0) / float(weight @ mean)
        if factor == 0.0:
            return cls(0.0, LevelForecast((), (), (), ()), horizon_days)
        windows, window = np.unique(days, return_inverse=True)
        ratio = margin / (factor * mean)
        expected = np.bincount(window, mean)
        level = np.bincount(window, ratio * mean) / expected
        deviation = np.sqrt(np.bincount(window, ((ratio - level[window]) * mean) ** 2)) / expected
        # A single buyer has no spread, and yet the level of that window is all but unknown.
        deviation[np.bincount(window) < _FEWEST_BUYERS_OF_A_LEVEL] = np.inf
        level = np.log(np.clip(level, np.exp(-_LARGEST_LEVEL), np.exp(_LARGEST_LEVEL)))
        swing = LevelForecast.fit(
            windows, (horizon_days,), level[:, None], deviation[:, None], _DRIFTS, _DOUBT
        )
        return cls(factor, swing, horizon_days)

    def move(self, amount: Described, days: Days) -> Described:
        """Return amounts at the level forecast for their cutoffs."""
        cutoffs, where = np.unique(days, return_inverse=True)
        moves = [self.swing.predict(int(day), (self.horizon_days,))[0][0] for day in cutoffs]
        moves = np.exp(np.clip(moves, -_LARGEST_LEVEL, _LARGEST_LEVEL))
        return amount.times(self.factor * moves[where])

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "factor": self.factor,
            "swing": self.swing.to_json(),
            "horizon_days": self.horizon_days,
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> AmountLevel:
        """Rebuild from what :meth:`to_json` gave."""
        swing = LevelForecast.from_json(stored["swing"])
        return cls(stored["factor"], swing, stored["horizon_days"])


def at_own_levels(
    amount: Described, margin: Floats, days: Days, bought: NDArray[np.bool_]
) -> Described:
    """Return amounts at which buyers' totals agree with what each window brought, if anything.

    How far a level was missed is the same for all customers of a window: it says nothing of how
    they differ from each other.
    """
    windows, window = np.unique(days, return_inverse=True)
    total, expected = (
        np.bincount(window[bought], money[bought], minlength=len(windows))
        for money in (margin, amount.mean())
    )
    level = np.divide(
        total, expected, out=np.ones(len(windows)), where=(total > 0) & (expected > 0)
    )
    return amount.times(level[window])
