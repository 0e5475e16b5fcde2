"""What is read off all customers together and then holds for each of them.

A few customers are scored as a batch of everyone would score them: before this backdrop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import TrainingError
from features.families.btyd import FAMILY
from models.btyd.outlook import OUTPUTS, Outlook

_DAYS_OF_A_YEAR = 365
_FIRST, _LAST, _MARGIN = "first_order_days", "recency_days", "margin_365d"


@dataclass(frozen=True)
class Backdrop:
    """A customer base at one cutoff.

    Attributes
    ----------
    outlook
        BG/NBD and Gamma-Gamma, fitted on everyone's histories; None where they cannot be.
    relationship_years
        Mean length of a relationship, from first to last order, over all repeat buyers.
    """

    READS: ClassVar = (*(column.name for column in FAMILY.columns), _FIRST, _LAST)

    outlook: Outlook | None
    relationship_years: float

    @classmethod
    def of(cls, everyone: pd.DataFrame) -> Backdrop:
        """Read it off the vectors of all customers at one cutoff, of which it needs ``READS``."""
        span = (everyone[_FIRST] - everyone[_LAST]).to_numpy(dtype=np.float64)
        repeat = span > 0
        days = float(span[repeat].mean()) if repeat.any() else 0.0
        return cls(_outlook(everyone), days / _DAYS_OF_A_YEAR)

    def year_ahead(self, customers: pd.DataFrame) -> pd.DataFrame:
        """Return what BG/NBD foretells of a year; missing where it could not be fitted."""
        if self.outlook is None:
            return pd.DataFrame(np.nan, index=customers.index, columns=list(OUTPUTS))
        return self.outlook.predict(customers, _DAYS_OF_A_YEAR)

    def clv_simple(self, customers: pd.DataFrame) -> NDArray[np.float64]:
        """Return yearly margin x mean relationship length in years, undiscounted, money."""
        yearly = customers[_MARGIN].to_numpy(dtype=np.float64)
        return np.asarray(yearly * self.relationship_years, dtype=np.float64)


def _outlook(everyone: pd.DataFrame) -> Outlook | None:
    try:
        return Outlook.fit(everyone)
    except TrainingError:
        return None
