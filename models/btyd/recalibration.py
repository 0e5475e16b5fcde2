"""Correct the level and spread of BTYD forecasts on earlier windows with known outcomes.

Buy-till-you-die models rank customers well, but miss the level (seasons, growth and a young
customer base are not in them) and spread customers too far apart. Both errors are estimated by
forecasting from earlier cutoffs, with models fitted at those cutoffs, and comparing with what
happened. A single window's error is mostly its own, so several are pooled; ``evenly_earlier`` gives
cutoffs at a third, half and two thirds of the history, each followed to its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize

from models.btyd.outlook import (
    EXPECTED_ORDERS,
    EXPECTED_SPEND,
    EXPECTED_VALUE,
    P_NO_ORDER,
)

Floats = NDArray[np.float64]

_SHARES = (1 / 3, 1 / 2, 2 / 3)
_SLOPES = (0.3, 3.0)
_LARGEST = 3.0


@dataclass(frozen=True)
class Recalibration:
    """A power law for expected orders and a factor for spend per order.

    ``orders -> level * orders ^ slope`` and ``spend -> spend_factor * spend``.
    """

    level: float
    slope: float
    spend_factor: float

    @classmethod
    def learn(cls, forecasts: pd.DataFrame, orders: Floats, value: Floats) -> Recalibration:
        """Compare forecasts of earlier windows with what happened, all windows pooled.

        The curve is a Poisson regression of orders on the logarithm of those expected, which
        leaves totals without bias; the factor then does so for money.

        Parameters
        ----------
        forecasts
            From ``Outlook.predict`` at earlier cutoffs, each fitted at that cutoff; rows of several
            windows one after the other.
        orders, value
            Order days and money of each row in its window, shape (n,). Money may be revenue or
            margin; the margin rate then becomes part of the factor.
        """
        expected = forecasts[EXPECTED_ORDERS].to_numpy(dtype=np.float64)
        money = forecasts[EXPECTED_VALUE].to_numpy(dtype=np.float64)
        known = (expected > 0) & np.isfinite(money)
        level, slope = _poisson_curve(expected[known], orders[known])
        money = money[known] * level * expected[known] ** (slope - 1)
        return cls(level, slope, _ratio(float(value[known].sum()), float(money.sum())))

    def apply(self, forecasts: pd.DataFrame) -> pd.DataFrame:
        """Return recalibrated forecasts whose parts still agree with each other.

        The expected hazard, ``-log P(no order)``, follows the same curve as expected orders: P(no
        order) still falls as the horizon grows, and is never below 1 - expected orders.
        """
        recalibrated = forecasts.copy()
        orders = forecasts[EXPECTED_ORDERS]
        recalibrated[EXPECTED_ORDERS] = self._curve(orders)
        hazard = -np.log(forecasts[P_NO_ORDER].clip(lower=np.finfo(np.float64).tiny))
        none = np.exp(-self._curve(hazard))
        recalibrated[P_NO_ORDER] = np.maximum(none, 1 - recalibrated[EXPECTED_ORDERS])
        recalibrated[EXPECTED_SPEND] = forecasts[EXPECTED_SPEND] * self.spend_factor
        moved = (recalibrated[EXPECTED_ORDERS] / orders.where(orders > 0)).where(orders != 0, 0.0)
        recalibrated[EXPECTED_VALUE] = forecasts[EXPECTED_VALUE] * moved * self.spend_factor
        return recalibrated

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Recalibration:
        """Rebuild from what :meth:`to_json` gave."""
        return cls(**stored)

    def _curve(self, expected: pd.Series[float]) -> pd.Series[float]:
        return self.level * expected**self.slope


def evenly_earlier(first: date, as_of: date, shares: Sequence[float] = _SHARES) -> list[date]:
    """Return cutoffs at these shares of the history, to be followed until ``as_of``."""
    history = (as_of - first).days
    return [first + timedelta(days=round(share * history)) for share in shares]


def _poisson_curve(expected: Floats, actual: Floats) -> tuple[float, float]:
    """Fit ``level * expected ^ slope`` to counts by maximum quasi-likelihood."""
    if actual.sum() <= 0:
        return 1.0, 1.0
    centre = float(np.log(expected).mean())
    logs = np.log(expected) - centre

    def loss(theta: Floats) -> tuple[float, Floats]:
        linear = theta[0] + centre + theta[1] * logs
        mean = np.exp(linear)
        residual = mean - actual
        gradient = np.array([residual.sum(), residual @ logs])
        return float((mean - actual * linear).mean()), gradient / len(actual)

    reach = np.log(_LARGEST) + 1.0
    bounds = [(-reach, reach), _SLOPES]
    found = minimize(loss, [0.0, 1.0], jac=True, method="L-BFGS-B", bounds=bounds)
    shift, slope = (float(value) for value in found.x)
    return float(np.exp(shift + centre * (1 - slope))), slope


def _ratio(actual: float, predicted: float) -> float:
    """Return actual over predicted, limited to a factor of three."""
    if actual <= 0 or predicted <= 0:
        return 1.0
    return min(max(actual / predicted, 1 / _LARGEST), _LARGEST)
