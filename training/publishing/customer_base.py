"""What scores need to know of all customers together.

It is computed from all customers and then used for each of them, so that a few customers scored by
themselves get the scores they would have in a batch of everyone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.families.btyd import FAMILY
from models.btyd.outlook import OUTPUTS, Outlook
from training.baselines import fit_outlook

_DAYS_OF_A_YEAR = 365
_FIRST, _LAST, _MARGIN = "first_order_days", "recency_days", "margin_365d"


@dataclass(frozen=True)
class CustomerBase:
    """A customer base at one cutoff.

    Attributes
    ----------
    outlook
        BG/NBD and Gamma-Gamma, fitted on everyone's histories; None if they cannot be fitted.
    relationship_years
        Mean time from first to last order over all repeat buyers.
    """

    COLUMNS_READ: ClassVar = (*(column.name for column in FAMILY.columns), _FIRST, _LAST)

    outlook: Outlook | None
    relationship_years: float

    @classmethod
    def of(cls, everyone: pd.DataFrame) -> CustomerBase:
        """Compute it from the vectors of all customers at one cutoff; reads ``COLUMNS_READ``."""
        span = (everyone[_FIRST] - everyone[_LAST]).to_numpy(dtype=np.float64)
        repeat = span > 0
        days = float(span[repeat].mean()) if repeat.any() else 0.0
        return cls(fit_outlook(everyone), days / _DAYS_OF_A_YEAR)

    def year_ahead(self, customers: pd.DataFrame) -> pd.DataFrame:
        """Return what BG/NBD expects of the next year; missing if it could not be fitted."""
        if self.outlook is None:
            return pd.DataFrame(np.nan, index=customers.index, columns=list(OUTPUTS))
        return self.outlook.predict(customers, _DAYS_OF_A_YEAR)

    def clv_simple(self, customers: pd.DataFrame) -> NDArray[np.float64]:
        """Return yearly margin x mean length of a relationship in years: money, undiscounted."""
        yearly = customers[_MARGIN].to_numpy(dtype=np.float64)
        return np.asarray(yearly * self.relationship_years, dtype=np.float64)
