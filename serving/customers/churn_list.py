"""The churn list: customers at risk, filtered and sorted, in pages or as one stream."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Final, Literal

import numpy as np
import orjson
from numpy.typing import NDArray

from features.vocabulary import Columns as C
from models.bundle.schema import BundleColumns as B
from serving.catalogue import Catalogue
from serving.customers.answers import AtRisk
from serving.lookups.columns import coded, floats, rows_at

Sort = Literal["value_at_risk", "churn_probability", "value_if_retained", "clv_predicted"]

_GROUPS: Final = (B.TIER, B.STAGE, B.SEGMENT)
_BLOCK_ROWS: Final = 8_192
_COLUMNS: Final = [
    C.CUSTOMER_ID,
    *(B.CHURN_PROBABILITY, B.VALUE_AT_RISK, B.VALUE_IF_RETAINED, B.CLV_PREDICTED),
    *_GROUPS,
    B.DAYS_SINCE_LAST_ORDER,
]


class StaleCursorError(ValueError):
    """The cursor belongs to another list: other filters, another sort or another bundle."""


@dataclass(frozen=True)
class ChurnQuery:
    """Which customers and in which order; None does not filter."""

    min_probability: float | None = None
    tier: str | None = None
    stage: str | None = None
    segment: str | None = None
    sort: Sort = "value_at_risk"


class CustomersAtRisk:
    """All customers of a bundle in the order of a score, highest first; nulls last, ties by id.

    Each order is made when it is first asked for.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._table = catalogue.bundle.customers
        self._orders: dict[str, NDArray[np.int32]] = {}

    def page(
        self, query: ChurnQuery, limit: int, cursor: str | None
    ) -> tuple[list[AtRisk], str | None]:
        """Return up to ``limit`` rows and the cursor of the next page, None on the last.

        Raises
        ------
        StaleCursorError
            When the cursor is not of this list.
        """
        start = 0 if cursor is None else self._position(query, cursor)
        found: list[int] = []
        for place in self._matching(query, start):
            found.extend(place[: limit + 1 - len(found)].tolist())
            if len(found) > limit:
                break
        order = self._order(query.sort)
        rows = self._rows(order[np.array(found[:limit], dtype=np.int64)])
        # The next page begins at the first row that did not fit.
        return rows, self._cursor(query, found[limit]) if len(found) > limit else None

    def blocks(self, query: ChurnQuery) -> Iterator[list[AtRisk]]:
        """Yield all rows, some thousands at a time."""
        order = self._order(query.sort)
        for places in self._matching(query, 0):
            yield self._rows(order[places])

    def _matching(self, query: ChurnQuery, start: int) -> Iterator[NDArray[np.int64]]:
        """Yield the places in the order, from ``start`` on, of customers who match the query."""
        order = self._order(query.sort)
        wanted = {group: getattr(query, group) for group in _GROUPS}
        for first in range(start, len(order), _BLOCK_ROWS):
            customers = order[first : first + _BLOCK_ROWS]
            keep = np.ones(len(customers), dtype=bool)
            if forgotten := self._catalogue.customers.forgotten:
                keep &= ~np.isin(customers, list(forgotten))
            if query.min_probability is not None:
                keep &= self._catalogue.churn_probability[customers] >= query.min_probability
            for group, value in wanted.items():
                if value is not None:
                    codes, names = self._groups[group]
                    keep &= codes[customers] == names.get(value, len(names))
            yield first + np.flatnonzero(keep)

    def _order(self, sort: str) -> NDArray[np.int32]:
        if sort not in self._orders:
            values = floats(self._table.column(sort))
            # A stable sort keeps equal values, and the nulls at the end, in order of id.
            self._orders[sort] = np.argsort(-values, kind="stable").astype(np.int32)
        return self._orders[sort]

    @cached_property
    def _groups(self) -> dict[str, tuple[NDArray[np.int32], dict[str, int]]]:
        """Each grouping's code by customer, -1 for null, and the codes by name."""
        groups = {}
        for group in _GROUPS:
            codes, names = coded(self._table.column(group))
            groups[group] = (codes, {name: code for code, name in enumerate(names)})
        return groups

    def _rows(self, customers: NDArray[np.int32]) -> list[AtRisk]:
        taken = self._table.select(_COLUMNS).take(rows_at(customers))
        return [AtRisk(**row) for row in taken.to_pylist()]

    def _cursor(self, query: ChurnQuery, place: int) -> str:
        text = orjson.dumps([self._fingerprint(query), place])
        return base64.urlsafe_b64encode(text).decode().rstrip("=")

    def _position(self, query: ChurnQuery, cursor: str) -> int:
        try:
            text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
            fingerprint, place = orjson.loads(text)
        except (ValueError, TypeError) as error:
            raise StaleCursorError("not a cursor") from error
        if fingerprint != self._fingerprint(query) or not isinstance(place, int) or place < 0:
            raise StaleCursorError("the cursor belongs to another list")
        return place

    def _fingerprint(self, query: ChurnQuery) -> str:
        parts: dict[str, Any] = asdict(query) | {"version": self._catalogue.manifest.version}
        return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
