"""Cross-sell as retention in plain figures, as model cards and bundles carry it.

Estimated in :mod:`models.uplift.cross_sell`; here it is only read, without what estimates it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from models.uplift.evidence import Evidence

HELD_COLUMNS: Final[Mapping[str, str]] = {
    "categories": "categories_bought",
    "products": "products_held",
}
"""The column of the vectors that counts what is held."""


@dataclass(frozen=True)
class BreadthEffect:
    """From ``held`` categories, or products under contract, to one more.

    Attributes
    ----------
    what
        What is held: ``categories`` or ``products``.
    customers
        With ``held`` or one more, who could have been either.
    raw, adjusted
        Change in P(churned) over the churn horizon, each with its 95 % interval: as found, and
        with everything else known held alike.
    overlap_auc, share_outside
        How well the others' features predict who holds more (one half: not at all), and the share
        of customers of whom that is nearly a rule, who are left out of ``adjusted``.
    retention
        The fall in P(churned) that an offer may count on: 0 unless the whole adjusted interval
        is a fall.
    """

    what: str
    held: int
    customers: int
    raw: float
    raw_low: float
    raw_high: float
    adjusted: float
    adjusted_low: float
    adjusted_high: float
    overlap_auc: float
    share_outside: float
    evidence: Evidence
    because: str
    retention: float

    @property
    def says(self) -> str:
        """The finding in one sentence."""
        counts = f"a fall of {self.retention:.1%}" if self.retention > 0 else "nothing"
        return (
            f"From {self.held} to {self.held + 1} {self.what}: churn {self.raw:+.1%} as found, "
            f"{self.adjusted:+.1%} adjusted ({self.adjusted_low:+.1%} to "
            f"{self.adjusted_high:+.1%}, {self.evidence}); an offer may count on {counts}"
        )
