"""Customers who were scored again since the bundle was made, by its own models.

Another process scores them, from what the shop's tables say and what was sent since; a worker
only reads. What is remembered here stands in the store as well, and holds for one bundle.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import orjson

from models.erasure import customer_hash

MOST_RESCORED: Final = 20_000
"""Customers whose new scores are kept in memory: the latest; of others the bundle speaks."""


@dataclass(frozen=True)
class Rescored:
    """One customer's scores and vector, made after the bundle.

    Parameters
    ----------
    model_version
        Of the bundle whose models made them.
    as_of
        What was known before this date counts; the first midnight after ``scored_at``.
    scores
        JSON: the bundle's customer columns by name.
    vector
        JSON: the values of the bundle's vector columns, in their order.
    orders
        JSON: the orders (or events, where they name none) sent since that these scores count.
    """

    customer_id: str
    model_version: str
    as_of: date
    scored_at: datetime
    scores: str
    vector: str
    orders: str

    @property
    def by_column(self) -> dict[str, Any]:
        """Scores by name."""
        read: dict[str, Any] = orjson.loads(self.scores)
        return read

    def vector_by(self, names: Iterable[str]) -> dict[str, float | str | None]:
        """Return the vector by the names of the bundle's columns."""
        return dict(zip(names, orjson.loads(self.vector), strict=True))

    @property
    def counted(self) -> frozenset[str]:
        """Orders sent since the bundle was made that these scores count."""
        return frozenset(orjson.loads(self.orders))


class RescoredCustomers:
    """Those of one bundle, in memory.

    Parameters
    ----------
    model_version
        The bundle's; what was made by another's models is passed over.
    known
        What stands in the store, the oldest first.
    most
        Customers kept; beyond, the oldest scores are given up.
    """

    def __init__(
        self, model_version: str, known: Iterable[Rescored] = (), most: int = MOST_RESCORED
    ) -> None:
        self.model_version = model_version
        self._most = most
        self._known: OrderedDict[str, Rescored] = OrderedDict()
        for rescored in known:
            self.record(rescored)

    def __len__(self) -> int:
        return len(self._known)

    def record(self, rescored: Rescored) -> None:
        """Remember a customer's scores in place of earlier ones."""
        if rescored.model_version != self.model_version:
            return
        before = self._known.get(rescored.customer_id)
        if before is not None and before.scored_at > rescored.scored_at:
            return
        self._known[rescored.customer_id] = rescored
        self._known.move_to_end(rescored.customer_id)
        if len(self._known) > self._most:
            self._known.popitem(last=False)

    def find(self, customer_id: str | None) -> Rescored | None:
        """Return a customer's scores, None where those of the bundle stand."""
        return None if customer_id is None else self._known.get(customer_id)

    def forget(self, hashes: Collection[str]) -> None:
        """Forget customers by the hashes of their ids."""
        for customer_id in list(self._known):
            if customer_hash(customer_id) in hashes:
                del self._known[customer_id]
