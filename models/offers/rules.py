"""Rules: parsed and compiled once, then evaluated for all customers, for one, or explained."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from models.offers.checking import Schema, check_rule
from models.offers.parser import parse
from models.offers.single import Row, is_missing, over_row
from models.offers.syntax import (
    And,
    Expression,
    Value,
    names_in,
    written,
    written_value,
)
from models.offers.vectorised import Columns, Floats, over_columns


class Rule:
    """A condition over a customer's columns and the context.

    Parameters
    ----------
    text
        The rule as written, such as ``orders_365d >= 2 and tier in ["top_1", "top_5"]``.

    Attributes
    ----------
    expression
        Its syntax tree.
    names
        The columns and context fields that it reads, in order, each once.

    Raises
    ------
    RuleError
        It cannot be parsed.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.expression: Expression = parse(text)
        self.names = _names(self.expression)
        self._row: Callable[[Row], Any] = over_row(self.expression)
        self._columns: Callable[[Columns], Floats] = over_columns(self.expression)

    def __str__(self) -> str:
        return self._written

    def __repr__(self) -> str:
        return f"Rule({str(self)!r})"

    def check(self, schema: Schema) -> None:
        """Raise :class:`RuleError` if the rule uses an unknown name or compares unlike types."""
        check_rule(self.expression, self.text, schema)

    def holds(self, row: Row) -> bool | None:
        """Return whether it holds for one customer; None if that is unknown."""
        held: bool | None = self._row(row)
        return held

    def over(self, columns: Columns) -> Floats:
        """Return 1 where it holds, 0 where not, NaN where unknown; (n,), or () if constant."""
        return self._columns(columns)

    def why_not(self, row: Row) -> str:
        """Explain in words why it does not hold for this customer, with the customer's values.

        Of parts joined by ``and``, the first that does not hold is explained.
        """
        for part in self._parts:
            held = part.evaluate(row)
            if held is not True:
                verdict = "is unknown" if held is None else "does not hold"
                values = ", ".join(f"{name} is {_shown(row.get(name))}" for name in part.names)
                return f"{part.text} {verdict}" + (f": {values}" if values else "")
        return f"{self} holds"

    @cached_property
    def _written(self) -> str:
        return written(self.expression)

    @cached_property
    def _parts(self) -> list[_Part]:
        return [
            _Part(over_row(part), written(part), _names(part)) for part in _joined(self.expression)
        ]


@dataclass(frozen=True)
class _Part:
    evaluate: Callable[[Row], Any]
    text: str
    names: tuple[str, ...]


def _joined(expression: Expression) -> Iterator[Expression]:
    if isinstance(expression, And):
        for part in expression.parts:
            yield from _joined(part)
    else:
        yield expression


def _names(expression: Expression) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.name for name in names_in(expression)))


def _shown(value: Value | None) -> str:
    if value is None or is_missing(value):
        return "missing"
    return f"{value:g}" if isinstance(value, float) else written_value(value)
