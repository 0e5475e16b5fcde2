"""Cut-points of tiers and RFM quintiles: placed on one population, then frozen."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

TIER_SHARES = {"top_1": 0.01, "top_5": 0.05, "top_10": 0.10, "top_25": 0.25, "top_50": 0.50}
"""Share of customers at or above each tier; those below the last are the ``rest``."""
_FIFTHS = (0.2, 0.4, 0.6, 0.8)


@dataclass(frozen=True)
class CutPoints:
    """Lower bounds of tiers and quintiles, in the population that is scored.

    Attributes
    ----------
    tiers
        Least ``clv_predicted`` of each tier, in the order of ``TIER_SHARES``.
    recency_days, frequency_orders
        Inner bounds of the quintiles, four each.
    revenue
        The same of revenue, in money; empty if revenue was not given.
    """

    tiers: tuple[float, ...]
    recency_days: tuple[float, ...]
    frequency_orders: tuple[float, ...]
    revenue: tuple[float, ...] = ()

    @classmethod
    def fit(
        cls,
        value: Floats,
        recency_days: Floats,
        frequency_orders: Floats,
        revenue: Floats | None = None,
    ) -> CutPoints:
        """Place the cut-points on one population, (n,) each."""
        return cls(
            tuple(float(np.quantile(value, 1 - share)) for share in TIER_SHARES.values()),
            _fifths(recency_days),
            _fifths(frequency_orders),
            () if revenue is None else _fifths(revenue),
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {name: list(bounds) for name, bounds in asdict(self).items()}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> CutPoints:
        """Rebuild from what :meth:`to_json` gave."""
        return cls(**{name: tuple(bounds) for name, bounds in stored.items()})


def _fifths(values: Floats) -> tuple[float, ...]:
    return tuple(np.quantile(values, _FIFTHS).tolist())
