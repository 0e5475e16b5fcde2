"""Purchase histories, collapsed to distinct ones: what buy-till-you-die models are fitted on.

A history is its frequency ``x`` (repeat purchases), recency ``t_x`` (time of the last one since
the first purchase) and age ``T`` (time since the first purchase), all in one unit of time.
Likelihoods depend on nothing else, so equal histories are stored once with their number of
customers. In whole days a million customers of one year have about a hundred thousand distinct
histories, in whole weeks about ten thousand.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from features.errors import DataError

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Summary:
    """Purchase histories, all arrays of shape (n,).

    Attributes
    ----------
    frequency, recency, age
        ``x``, ``t_x`` and ``T``.
    customers
        How many customers have each history.
    """

    frequency: Floats
    recency: Floats
    age: Floats
    customers: Floats

    @classmethod
    def of(cls, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike) -> Summary:
        """Summarise customers, one per row.

        Raises
        ------
        DataError
            An impossible history: missing, negative, or with recency beyond age.
        """
        x, t_x, T = (np.asarray(part, dtype=np.float64) for part in (frequency, recency, age))
        possible = (x >= 0) & (t_x >= 0) & (t_x <= T) & np.isfinite(x + T)
        # Without a repeat purchase recency is zero; this catches columns given in a wrong order.
        possible &= (x > 0) | (t_x == 0)
        if not possible.all():
            row = int(np.argmin(possible))
            raise DataError(
                f"{int((~possible).sum())} purchase histories cannot be, the first in row {row}: "
                f"frequency {x[row]}, recency {t_x[row]}, age {T[row]}",
                "give 0 <= recency <= age, and recency 0 where there is no repeat purchase",
            )
        return cls(x, t_x, T, np.ones(len(x)))

    def __len__(self) -> int:
        return len(self.frequency)

    def collapsed(self) -> tuple[Summary, Rows]:
        """Return the distinct histories, and for each row its position among them."""
        keys = np.zeros(len(self), dtype=np.int64)
        for part in (self.frequency, self.age, self.recency):
            codes, values = pd.factorize(part, sort=True)
            keys = keys * len(values) + codes
        places, distinct = pd.factorize(keys, sort=True)
        # Any row with a history will do as its example.
        example = np.empty(len(distinct), dtype=np.intp)
        example[places] = np.arange(len(places))
        customers = np.bincount(places, self.customers, minlength=len(distinct))
        alike = Summary(
            self.frequency[example],
            self.recency[example],
            self.age[example],
            np.asarray(customers, dtype=np.float64),
        )
        return alike, places

    @property
    def mean_age(self) -> float:
        """Mean age of the customers, above zero: a natural unit of time."""
        return max(float(self.customers @ self.age / self.customers.sum()), 1e-9)

    @property
    def purchases(self) -> float:
        """How many repeat purchases there are."""
        return float(self.customers @ self.frequency)

    def rows(self, which: slice) -> Summary:
        """Return some of the histories."""
        return Summary(
            self.frequency[which], self.recency[which], self.age[which], self.customers[which]
        )

    def thinned(self, most: int = 1_000) -> Summary:
        """Return at most ``most`` evenly spaced histories: enough to choose a starting point."""
        return self.rows(slice(None, None, max(1, -(-len(self) // most))))

    def without_recency(self) -> Summary:
        """Return the histories with recency zero, for what depends on frequency and age alone."""
        return Summary(self.frequency, np.zeros(len(self)), self.age, self.customers)

    def in_units_of(self, duration: float) -> Summary:
        """Return the same histories with time counted in another unit."""
        return Summary(self.frequency, self.recency / duration, self.age / duration, self.customers)

    def binned(self, duration: float) -> Summary:
        """Return histories with recency and age rounded to whole multiples of ``duration``.

        Coarser times make more histories equal. Weeks instead of days move the parameters of 23,570
        CDNOW customers by less than half a standard error and their forecast by 0.5 %. Rounded to
        the nearest; rounded up, the rate of leaving would move by several standard errors.
        """
        return Summary(
            self.frequency,
            np.rint(self.recency / duration) * duration,
            np.rint(self.age / duration) * duration,
            self.customers,
        )
