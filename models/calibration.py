"""Out-of-time calibration: scores of windows that the model had not seen, set right.

Boosting on regularised trees ranks well but is timid, and shops have seasons. So two things
are measured apart, on windows later than those that the scoring model learned from: how far
scores should be stretched (the slope, Platt 1999), and by how much each window's level was
missed. The level of a season that training has seen is left to the model; for a season that
it has not, the latest misses are the best guess.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_expit

Floats = NDArray[np.float64]
Days = NDArray[np.int64]

_YEAR_DAYS = 365.25
_SEASON_DAYS = 30.0


@dataclass(frozen=True)
class SeasonalCalibration:
    """Stretch scores around their season's level.

    ``calibrated = pivot + slope * (score - pivot) + (level if the season is new)``

    Attributes
    ----------
    seasons, pivots
        Cutoff days of training (epoch days) and the mean score of each.
    """

    slope: float
    level: float
    seasons: tuple[int, ...]
    pivots: tuple[float, ...]

    def apply(self, scores: Floats, as_of_days: Days) -> Floats:
        """Return calibrated scores (logits), shape (n,)."""
        days, where = np.unique(as_of_days, return_inverse=True)
        pivots = np.array([self._pivot(day) for day in days])[where]
        levels = np.array([0.0 if self._seen(day) else self.level for day in days])[where]
        calibrated: Floats = pivots + self.slope * (scores - pivots) + levels
        return calibrated

    def _distance(self, day: int) -> Floats:
        """Days between a cutoff and each training cutoff, within the year."""
        apart: Floats = np.abs(np.array(self.seasons) - day) % _YEAR_DAYS
        return np.minimum(apart, _YEAR_DAYS - apart)

    def _pivot(self, day: int) -> float:
        # From the nearest, so that far seasons still have finite weights.
        distance = self._distance(day)
        weight = np.exp(-0.5 * ((distance - distance.min()) / _SEASON_DAYS) ** 2)
        return float(weight @ np.array(self.pivots) / weight.sum())

    def _seen(self, day: int) -> bool:
        return bool(self._distance(day).min() <= _SEASON_DAYS)

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> SeasonalCalibration:
        """Rebuild from what :meth:`to_json` gave."""
        return cls(
            stored["slope"], stored["level"], tuple(stored["seasons"]), tuple(stored["pivots"])
        )


def fit_slope(scores: Floats, outcomes: Floats, windows: Days) -> tuple[float, float]:
    """Fit a common slope and one intercept per window by maximum likelihood.

    Parameters
    ----------
    scores
        Logits given to rows of later windows, shape (n,).
    outcomes
        What happened, 0 or 1.
    windows
        Which window each row belongs to.

    Returns
    -------
    slope, level
        ``level`` is the mean miss of the windows, in logits, at their mean score.
    """
    _, window = np.unique(windows, return_inverse=True)
    count = int(window.max()) + 1
    centres = np.bincount(window, scores) / np.bincount(window)
    centred = scores - centres[window]
    sign = 1.0 - 2.0 * outcomes

    def loss(theta: Floats) -> tuple[float, Floats]:
        logits = theta[0] * centred + (centres + theta[1:])[window]
        residual = expit(logits) - outcomes
        gradient = np.concatenate([[residual @ centred], np.bincount(window, residual)])
        return float(-log_expit(-sign * logits).mean()), gradient / len(outcomes)

    start = np.concatenate([[1.0], np.zeros(count)])
    found = minimize(
        loss, start, jac=True, method="L-BFGS-B", bounds=[(0.3, 3.0), *[(-5, 5)] * count]
    )
    return float(found.x[0]), float(found.x[1:].mean())
