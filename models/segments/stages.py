"""Stages of the life cycle: prospect, new, active, cooling, at risk, lost, reactivated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.segments.hysteresis import settled_places

Floats = NDArray[np.float64]

# The stages of repeat buyers, and the least P(buys) of each but the last.
_BY_CHANCE = ("active", "cooling", "at_risk", "lost")
_CHANCES = np.array([0.5, 0.25, 0.1])
_MARGIN = 0.05


def life_stage(
    vectors: pd.DataFrame,
    p_buys: Floats,
    horizon_days: int,
    previous: Sequence[str | None] | None = None,
    *,
    margin: float = _MARGIN,
) -> list[str]:
    """Return each customer's stage.

    Repeat buyers are staged by P(buys in the horizon), one-time buyers by days since their order.
    A customer who ordered within the last horizon after a gap of more than two is reactivated.

    Parameters
    ----------
    vectors
        With ``orders_lifetime``, ``recency_days`` and ``gap_last_days``.
    p_buys
        NaN outside the population that is scored.
    previous
        Each customer's stage before, None if there was none. A repeat buyer keeps it until P(buys)
        is past a bound by ``margin`` (below 0.075). Days only grow and need no margin.
    """
    orders = vectors["orders_lifetime"].fillna(0).to_numpy()
    recency = vectors["recency_days"].to_numpy()
    back = (vectors["gap_last_days"].to_numpy() > 2 * horizon_days) & (recency <= horizon_days)
    by_age = np.select(
        [recency <= horizon_days, recency <= 2 * horizon_days, ~np.isnan(p_buys)],
        ["new", "cooling", "at_risk"],
        "lost",
    )
    slack = np.full(len(_CHANCES), margin)
    places = settled_places(p_buys, _CHANCES, slack, previous, _BY_CHANCE)
    by_chance = np.where(np.isnan(p_buys), "lost", np.array(_BY_CHANCE)[places])
    stage = np.select(
        [orders == 0, orders == 1, back], ["prospect", by_age, "reactivated"], by_chance
    )
    return [str(name) for name in stage]
