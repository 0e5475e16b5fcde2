"""Where a curve's score begins: what a customer's purchase history alone foretells.

The log odds of no order by BG/NBD (Fader, Hardie & Lee 2005) are a smooth function of three
counts which trees take many splits to draw, badly where customers are few; from there the trees
learn what it misses. Outcomes say how far it is to be stretched (those of another kind, such as
contracts', may ask for nothing of it), and seven tenths of that are taken, for trees know more:
that share was chosen on five days of Online Retail II before any that is reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from math import factorial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from features.errors import TrainingError
from models.btyd.bg_nbd import BgNbd
from models.btyd.summary import Summary
from models.churn_value.calibration import fit_slope

Floats = NDArray[np.float64]
Days = NDArray[np.int64]

# Repeat order days, days since the last, days since the first.
COLUMNS = ("btyd_frequency", "recency_days", "btyd_age_days")
_SHARE = 0.7
_LEAST_CHANCE = 1e-4


@dataclass(frozen=True)
class HistoryScore:
    """A score on the log odds of silence, from three columns of an encoded matrix.

    Attributes
    ----------
    purchases
        Fitted on the customers of the latest cutoff.
    places
        Where :data:`COLUMNS` stand in the matrix.
    usual
        Their medians: whoever has this history is explained by nothing.
    horizon_days
        Of the silence foretold.
    share
        What its log odds are multiplied by.
    """

    purchases: BgNbd
    places: tuple[int, ...]
    usual: tuple[float, ...]
    horizon_days: int
    share: float

    @classmethod
    def fit(
        cls, X: Floats, days: Days, silent: Floats, columns: Sequence[str], horizon_days: int
    ) -> HistoryScore | None:
        """Learn histories from the latest cutoff of an encoded matrix, the share from outcomes.

        Parameters
        ----------
        silent
            Whether each row stayed silent over the horizon, shape (n,); NaN where unknown.
        columns
            Of the matrix. Without those needed, or too few who came back, there is no score.
        """
        if not set(COLUMNS) <= set(columns):
            return None
        places = tuple(list(columns).index(name) for name in COLUMNS)
        latest = X[days == days.max()][:, places]
        latest = latest[~np.isnan(latest).any(axis=1)]
        try:
            purchases = BgNbd.fit(_summary(latest).collapsed()[0]).model
        except TrainingError:
            return None
        whole = cls(
            purchases, places, tuple(np.median(latest, axis=0).tolist()), horizon_days, share=1.0
        )
        known = np.isin(silent, (0.0, 1.0))
        scores, outcomes = whole.score(X[known]), silent[known]
        if len(np.unique(outcomes)) < 2 or np.ptp(scores) == 0:
            return None
        slope, _ = fit_slope(scores, outcomes, days[known], least=0.0)
        return replace(whole, share=_SHARE * slope)

    def score(self, X: Floats) -> Floats:
        """Return the score of each row, shape (n,); without a history, the usual one's."""
        return self._of(self._histories(X))

    def contributions(self, X: Floats) -> Floats:
        """Return each column's part in how far the score is from the usual, shape (n, 3).

        Shapley values (Shapley 1953), exactly: what a column adds to those before it, averaged
        over the orders in which they can be told.
        """
        told, usual = self._histories(X), np.array(self.usual)
        count = len(COLUMNS)
        value = {
            known: self._of(np.where(known, told, usual))
            for known in product((False, True), repeat=count)
        }
        parts = np.zeros((len(X), count))
        for known, said in value.items():
            size = sum(known)
            for place in np.flatnonzero(np.logical_not(known)):
                ways = factorial(size) * factorial(count - size - 1) / factorial(count)
                more = (*known[:place], True, *known[place + 1 :])
                parts[:, place] += ways * (value[more] - said)
        return parts

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> HistoryScore:
        """Rebuild from what :meth:`to_json` gave."""
        arrays = {name: tuple(stored[name]) for name in ("places", "usual")}
        return cls(**{**stored, **arrays, "purchases": BgNbd(**stored["purchases"])})

    def _histories(self, X: Floats) -> Floats:
        told = X[:, self.places]
        return np.where(np.isnan(told).any(axis=1, keepdims=True), np.array(self.usual), told)

    def _of(self, histories: Floats) -> Floats:
        silence = self.purchases.probability_no_purchase(_summary(histories), self.horizon_days)
        return self.share * logit(np.clip(silence, _LEAST_CHANCE, 1.0 - _LEAST_CHANCE))


def _summary(histories: Floats) -> Summary:
    frequency, since_last, age = histories.T
    recency = np.where(frequency > 0, np.maximum(age - since_last, 0.0), 0.0)
    return Summary(frequency, recency, age, np.ones(len(histories)))
