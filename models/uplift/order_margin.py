"""What an order brings: a customer's own margin per order, as far as few orders say anything.

The mean over a customer's orders is drawn towards the shop's, the more the fewer they are
(empirical Bayes; Bühlmann & Straub 1970):

    expected = mean + n / (n + pull) x (own - mean),    pull = spread within / spread between
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from models.uplift.trial import Floats

_STEPS: Final = 5
_LARGEST_PULL: Final = 1e6
_FEWEST_CUSTOMERS: Final = 20


@dataclass(frozen=True)
class OrderMargin:
    """Expected margin of an order.

    Attributes
    ----------
    mean
        Of the shop's orders, money.
    pull
        How many orders of a customer weigh as much as the shop's mean.
    """

    mean: float
    pull: float

    @classmethod
    def fit(cls, orders: Floats, own: Floats) -> OrderMargin:
        """Learn from each customer's number of orders and mean margin of them, shape (n,).

        Customers' squared distances from the shop's mean are ``between + within / n`` on
        average: a straight line, fitted by least squares with weights that follow from it.
        Where customers do not differ, or are too few to tell, each gets the shop's mean.
        """
        known = (orders > 0) & np.isfinite(own)
        n, margin = orders[known], own[known]
        if len(n) == 0:
            return cls(0.0, _LARGEST_PULL)
        mean = float(margin @ n / n.sum())
        if len(n) < _FEWEST_CUSTOMERS:
            return cls(mean, _LARGEST_PULL)
        squared, line = (margin - mean) ** 2, np.column_stack([np.ones(len(n)), 1 / n])
        expected = np.full(len(n), max(float(squared.mean()), 1e-12))
        between = within = 0.0
        for _ in range(_STEPS):
            rows = line / expected[:, None]
            between, within = np.linalg.lstsq(rows, squared / expected, rcond=None)[0].tolist()
            expected = np.maximum(line @ [between, within], 0.01 * squared.mean() + 1e-12)
        if between <= 0:
            return cls(mean, _LARGEST_PULL)
        return cls(mean, min(max(within, 0.0) / between, _LARGEST_PULL))

    def expected(self, orders: Floats, own: Floats) -> Floats:
        """Return the margin that the next order brings, shape (n,); the shop's mean for the new."""
        n = np.where(np.isfinite(own), np.nan_to_num(orders), 0.0)
        weight = n / np.maximum(n + self.pull, 1e-12)
        return np.asarray(self.mean + weight * (np.nan_to_num(own) - self.mean))
