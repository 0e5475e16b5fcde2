"""Customers scored again since the bundle was made, by the bundle's own models.

A separate process scores them, from the shop's tables and the events received since, and writes
the scores to the store; workers only read them. They hold for one bundle.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import orjson

from models.bundle.erasure import customer_hash

MOST_RESCORED: Final = 20_000
"""Customers whose new scores are kept in memory, the latest; for others the bundle's hold."""


@dataclass(frozen=True)
class Rescored:
    """One customer's scores and vector, made after the bundle.

    Parameters
    ----------
    model_version
        Of the bundle whose models made them.
    as_of
        The scores count what was known before this date, the first midnight after ``scored_at``.
    scores
        JSON: the bundle's customer columns by name.
    vector
        JSON: the values of the bundle's vector columns, in their order.
    orders
        JSON: ids of the orders (or of events without one) sent since that these scores count.
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
        """Ids of orders sent since the bundle was made that these scores count."""
        return frozenset(orjson.loads(self.orders))


class RescoredCustomers:
    """Rescored customers of one bundle, in memory.

    Parameters
    ----------
    model_version
        Of the bundle; scores made by another bundle's models are ignored.
    known
        Scores read from the store, oldest first.
    most
        Customers kept; beyond it the oldest scores are dropped.
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
        """Return a customer's scores, None where those of the bundle are valid."""
        return None if customer_id is None else self._known.get(customer_id)

    def named(self, hashes: Collection[str]) -> list[str]:
        """Return those whose ids have these hashes; changes nothing, so that any thread may ask."""
        return [id_ for id_ in list(self._known) if customer_hash(id_) in hashes]

    def forget(self, customer_ids: Iterable[str]) -> None:
        """Forget these customers."""
        for customer_id in customer_ids:
            self._known.pop(customer_id, None)
