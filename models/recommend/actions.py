"""What customers did and when: views, cart additions and purchases."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

BEHAVIOURS: Final = ("view", "cart", "buy")


@dataclass(frozen=True, eq=False)
class Actions:
    """Actions of customers on products: integer-coded, one entry per action.

    Attributes
    ----------
    customer_ids, product_ids
        Sorted unique ids; position is the code.
    customers, products, behaviours
        Codes of every action; a behaviour's code is its place in ``BEHAVIOURS``.
    days
        Time of each action, in days since 1970-01-01, with fractions.
    as_of_day
        The cutoff: every action is before it.
    """

    customer_ids: NDArray[np.str_]
    product_ids: NDArray[np.str_]
    customers: NDArray[np.int64]
    products: NDArray[np.int64]
    behaviours: NDArray[np.int64]
    days: NDArray[np.float64]
    as_of_day: float

    @classmethod
    def from_arrays(
        cls,
        customer_ids: ArrayLike,
        product_ids: ArrayLike,
        behaviours: ArrayLike,
        days: ArrayLike,
        as_of_day: float,
    ) -> Self:
        """Code equally long arrays; ``behaviours`` holds names of ``BEHAVIOURS``.

        Raises
        ------
        ValueError
            On another behaviour, or an action at or after the cutoff.
        """
        when, what = np.asarray(days, dtype=np.float64), np.asarray(behaviours, dtype=np.str_)
        if (when >= as_of_day).any():
            raise ValueError("an action at or after the cutoff would give the future away")
        if not np.isin(what, BEHAVIOURS).all():
            raise ValueError(f"behaviours are {', '.join(BEHAVIOURS)}")
        codes = np.searchsorted(sorted(BEHAVIOURS), what) if what.size else np.zeros(0, np.int64)
        place = np.array([BEHAVIOURS.index(name) for name in sorted(BEHAVIOURS)])
        customer_names, customers = np.unique(
            np.asarray(customer_ids, np.str_), return_inverse=True
        )
        product_names, products = np.unique(np.asarray(product_ids, np.str_), return_inverse=True)
        order = np.lexsort((when, place[codes], products, customers))
        return cls(
            customer_names,
            product_names,
            customers[order].astype(np.int64),
            products[order].astype(np.int64),
            place[codes][order].astype(np.int64),
            when[order],
            as_of_day,
        )

    def before(self, day: float) -> Self:
        """Return the actions before an earlier cutoff, with the same codes."""
        kept = self.days < day
        return replace(
            self,
            customers=self.customers[kept],
            products=self.products[kept],
            behaviours=self.behaviours[kept],
            days=self.days[kept],
            as_of_day=day,
        )

    def matrix(
        self, behaviours: Iterable[str], half_life_days: float | None = None
    ) -> sparse.csr_matrix[np.float64]:
        """Return customers x products: the sum over behaviours of 1, faded by the latest's age."""
        shape = (self.customer_ids.size, self.product_ids.size)
        total = sparse.csr_matrix(shape, dtype=np.float64)
        for behaviour in behaviours:
            total = total + self._one(BEHAVIOURS.index(behaviour), half_life_days, shape)
        return sparse.csr_matrix(total)

    def _one(
        self, behaviour: int, half_life_days: float | None, shape: tuple[int, int]
    ) -> sparse.csr_matrix[np.float64]:
        chosen = np.flatnonzero(self.behaviours == behaviour)
        keys = self.customers[chosen] * max(shape[1], 1) + self.products[chosen]
        # Sorted by customer, product and time: the last of equals is the latest.
        last = np.ones(chosen.size, dtype=np.bool_)
        last[:-1] = keys[1:] != keys[:-1]
        latest = chosen[last]
        ages = self.as_of_day - self.days[latest]
        weights = (
            np.ones(latest.size) if half_life_days is None else np.exp2(-ages / half_life_days)
        )
        places = (self.customers[latest], self.products[latest])
        return sparse.csr_matrix((weights, places), shape=shape)
