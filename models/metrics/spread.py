"""How predictions of a whole distribution are judged: coverage, width, interval score, CRPS.

Source: Gneiting & Raftery 2007, sections 4.2 and 6.2.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.metrics.order import Scorer, row_means

Floats = NDArray[np.float64]


def interval_scorer(actual: Floats, low: Floats, high: Floats, level: float) -> Scorer:
    """Return the scorer of predictive intervals.

    ``interval_coverage`` is the share of outcomes inside, bounds included; ``interval_width``
    the mean width; ``interval_score`` the width plus 2 / (1 - level) times whatever an outcome
    lies outside: the least belongs to the true quantiles.
    """
    width = high - low
    outside = np.maximum(low - actual, 0.0) + np.maximum(actual - high, 0.0)
    inside = (low <= actual) & (actual <= high)
    return row_means(
        {
            "interval_coverage": inside.astype(np.float64),
            "interval_width": width,
            "interval_score": width + 2 / (1 - level) * outside,
        }
    )


def crps_scorer(actual: Floats, quantiles: Floats, levels: Floats) -> Scorer:
    """Return the scorer of ``crps``, from quantiles."""
    return row_means({"crps": crps_from_quantiles(actual, quantiles, levels)})


def crps_from_quantiles(actual: Floats, quantiles: Floats, levels: Floats) -> Floats:
    """Return each row's continuous ranked probability score, in the unit of the outcome.

    Twice the pinball loss integrated over the levels, each standing for the levels nearest to
    it. Exact for the distribution of k equally likely values given at the levels
    (j - 1/2) / k; the absolute error where there is one quantile, the median.

    Parameters
    ----------
    quantiles
        Shape (n, k), rising along each row.
    levels
        Rising, between 0 and 1, shape (k,).
    """
    between = (levels[1:] + levels[:-1]) / 2
    share = np.diff(np.concatenate([[0.0], between, [1.0]]))
    missed = actual[:, None] - quantiles
    pinball = np.where(missed >= 0, levels * missed, (levels - 1) * missed)
    return np.asarray(2 * pinball @ share)
