"""The columns of a bundle's customers that rules read."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import pyarrow as pa

from features.vocabulary import Columns as C
from models.bundle.folder import Bundle
from models.bundle.schema import BundleColumns as B
from models.offers.syntax import Value
from models.offers.vectorised import Column, Columns, Texts
from serving.lookups.columns import coded, floats

# The key, and JSON for people.
_NOT_FOR_RULES: Final = frozenset({C.CUSTOMER_ID, B.DRIVERS})


@dataclass(frozen=True, eq=False)
class CustomerColumns:
    """Customers' scores and vectors, column by column, in the bundle's order or a part of it.

    Parameters
    ----------
    ids
        Arrow column of the customers' ids.
    columns
        By name; see :mod:`models.offers.vectorised`.
    booleans
        Names of those that hold true and false.
    """

    ids: Any
    columns: Columns
    booleans: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def customer_ids(self) -> list[str]:
        """Ids as texts."""
        ids: list[str] = self.ids.to_pylist()
        return ids

    def row(self, position: int) -> dict[str, Value | None]:
        """Return one customer's values by name; what is missing is None."""
        return {name: self._value(name, position) for name in self.columns}

    def part(self, start: int, stop: int) -> CustomerColumns:
        """Return the customers from one position to before another."""
        cut = {name: _part(column, start, stop) for name, column in self.columns.items()}
        return CustomerColumns(self.ids.slice(start, stop - start), cut, self.booleans)

    def _value(self, name: str, position: int) -> Value | None:
        column = self.columns[name]
        if isinstance(column, Texts):
            code = int(column.codes[position])
            return None if code < 0 else column.values[code]
        number = float(column[position])
        if number != number:  # noqa: PLR0124  NaN alone differs from itself
            return None
        return number == 1 if name in self.booleans else number


def open_customer_columns(bundle: Bundle, names: Collection[str]) -> CustomerColumns:
    """Return the named columns that the bundle has; a score goes before a vector's column."""
    columns: dict[str, Column] = {}
    booleans = set()
    for table in (bundle.vectors, bundle.customers):
        for field in table.schema:
            if field.name in names and field.name not in _NOT_FOR_RULES:
                columns[field.name] = _column(table.column(field.name))
                if pa.types.is_boolean(field.type):
                    booleans.add(field.name)
    return CustomerColumns(bundle.customers.column(C.CUSTOMER_ID), columns, frozenset(booleans))


def _column(column: Any) -> Column:
    if pa.types.is_large_string(column.type) or pa.types.is_string(column.type):
        return Texts(*coded(column))
    return floats(column)


def _part(column: Column, start: int, stop: int) -> Column:
    if isinstance(column, Texts):
        return Texts(column.codes[start:stop], column.values)
    return column[start:stop]
