"""The bank's three tiers: high net worth, potential, ordinary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.segments.hysteresis import settled_places
from models.segments.tiers import MARGIN

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

BANK_TIERS = ("high_net_worth", "potential", "ordinary")
_TOP_SHARE = 0.10
_POTENTIAL_SHARE = 0.25


@dataclass(frozen=True)
class BankCuts:
    """Lower bounds of the bank's tiers, in money.

    Attributes
    ----------
    current
        Least current value of the top tenth.
    predicted
        Least predicted value of the top quarter.
    headroom
        Least headroom (what could still be won) of its top quarter, if known.
    """

    current: float
    predicted: float
    headroom: float | None = None

    @classmethod
    def fit(cls, current: Floats, predicted: Floats, headroom: Floats | None = None) -> BankCuts:
        """Place the cut-points on one population, (n,) each."""
        return cls(
            float(np.quantile(current, 1 - _TOP_SHARE)),
            float(np.quantile(predicted, 1 - _POTENTIAL_SHARE)),
            None if headroom is None else float(np.quantile(headroom, 1 - _POTENTIAL_SHARE)),
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def bank_tier(
    current: Floats,
    predicted: Floats,
    cuts: BankCuts,
    headroom: Floats | None = None,
    previous: Sequence[str | None] | None = None,
    *,
    margin: float = MARGIN,
) -> list[str | None]:
    """Return each customer's tier; None if the predicted value is missing.

    Parameters
    ----------
    current
        The customer's present value, such as the margin of the last 365 days.
    predicted
        ``clv_predicted``.
    headroom
        What could still be won from the customer, if the share of wallet is known.
    previous
        Each customer's tier before, None if there was none; it is kept until past a cut-point by
        ``margin``, a share of the cut-point.
    """
    was_top = None if previous is None else [_yes_no(name, {"high_net_worth"}) for name in previous]
    # If hardly anyone has any value the cut-point is zero; a value of zero is still not high.
    top = _above(current, cuts.current, was_top, margin) & (current > 0)
    # For customers in the top tier it was never decided whether they would be potential.
    was_potential = (
        None
        if previous is None
        else [None if name == "high_net_worth" else _yes_no(name, {"potential"})
              for name in previous]
    )  # fmt: skip
    potential = _above(predicted, cuts.predicted, was_potential, margin)
    if headroom is not None and cuts.headroom is not None:
        potential |= _above(headroom, cuts.headroom, was_potential, margin)
    names = np.select([np.isnan(predicted), top, potential], ["", *BANK_TIERS[:2]], BANK_TIERS[2])
    return [str(name) or None for name in names]


def _above(
    value: Floats, bound: float, was_above: Sequence[str | None] | None, margin: float
) -> Flags:
    bounds = np.array([bound])
    slack = margin * np.abs(bounds)
    return np.asarray(settled_places(value, bounds, slack, was_above, ("yes", "no")) == 0)


def _yes_no(name: str | None, names: set[str]) -> str | None:
    return None if name is None else "yes" if name in names else "no"
