"""How far scores should be stretched, measured on windows that the scoring model had not seen.

Boosting on regularised trees ranks well but is timid: on later windows its scores deserve to be
spread out (Platt 1999). Each window has an intercept of its own, so that a season's level, which
:mod:`models.churn_value.levels` forecasts, is not taken for a slope.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_expit

Floats = NDArray[np.float64]
Days = NDArray[np.int64]


def fit_slope(
    scores: Floats, outcomes: Floats, windows: Days, least: float = 0.3
) -> tuple[float, float]:
    """Fit a common slope and one intercept per window by maximum likelihood.

    Parameters
    ----------
    scores
        Logits given to rows of later windows, shape (n,).
    outcomes
        What happened, 0 or 1.
    windows
        Which window each row belongs to.
    least
        The slope is no smaller.

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
        loss, start, jac=True, method="L-BFGS-B", bounds=[(least, 3.0), *[(-5, 5)] * count]
    )
    return float(found.x[0]), float(found.x[1:].mean())
