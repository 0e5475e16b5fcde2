"""Beyond the longest horizon that a shop's history can teach: as buy-till-you-die models go on.

What was learned is kept; only its continuation is theirs. From the learned horizon L to a longer
one H, the chance of silence is multiplied by P(none by H) / P(none by L) and the margin by
D(H) / D(L), the discounted orders that BG/NBD expects of the customer (Fader, Hardie & Lee 2005;
discounting as in Fader, Hardie & Lee 2005b). A level that they miss cancels out, as does spend;
seasons between L and H are not in it. Both ratios are 1 at L and monotone, so the forecast is
continuous there, silence falls and value grows with the horizon.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.btyd.outlook import EXPECTED_VALUE, P_NO_ORDER, Outlook

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Extension:
    """How far to go on, and by what.

    Attributes
    ----------
    outlook
        Fitted on what was known when the forecast is made.
    horizon_days
        Longer than what was learned.
    yearly_discount_rate
        The one that learned margins were discounted by.
    """

    outlook: Outlook
    horizon_days: int
    yearly_discount_rate: float

    def beyond(self, customers: pd.DataFrame, learned_days: int) -> tuple[Floats, Floats]:
        """Return what to multiply silence (0 to 1) and margin (1 to H / L) by, shape (n,) each.

        Who has no order that these models count stays as learned.
        """
        near, far = (
            self.outlook.predict(customers, float(days), self.yearly_discount_rate)
            for days in (learned_days, self.horizon_days)
        )
        longest = self.horizon_days / learned_days
        silence = _ratio(far[P_NO_ORDER], near[P_NO_ORDER])
        growth = _ratio(far[EXPECTED_VALUE], near[EXPECTED_VALUE])
        return np.clip(silence, 0.0, 1.0), np.clip(growth, 1.0, longest)


def _ratio(part: pd.Series[float], whole: pd.Series[float]) -> Floats:
    """Return the ratio; 1 where there is nothing to compare with."""
    above, below = (side.to_numpy(dtype=np.float64) for side in (part, whole))
    one = np.ones(len(above))
    return np.divide(above, below, out=one, where=(below > 0) & np.isfinite(above))
