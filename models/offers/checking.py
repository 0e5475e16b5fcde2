"""The type checker of rules: every name must exist, and its type must fit its use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from typing import Final, Literal

from models.offers.errors import RuleError, Span
from models.offers.syntax import (
    And,
    Arithmetic,
    Comparison,
    Condition,
    Constant,
    Expression,
    Membership,
    Name,
    Negative,
    Not,
    Or,
    Presence,
    Value,
    written,
    written_value,
)

WEEKDAYS: Final = (
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
)  # fmt: skip
"""The values of context.weekday."""

Kind = Literal["number", "text", "boolean", "date"]

_SIMILAR: Final = 0.75  # similarity, of 1, from which another name is suggested
_WORDS: Mapping[Kind, str] = {
    "number": "a number",
    "text": "a text",
    "boolean": "true or false",
    "date": "a day",
}


@dataclass(frozen=True)
class Field:
    """The type of a name; ``among`` holds all values of a text, if they are known."""

    kind: Kind
    among: tuple[str, ...] = ()


Schema = Mapping[str, Field]

BUILT_IN_CONTEXT: Final[Schema] = {
    "context.channel": Field("text"),
    "context.placement": Field("text"),
    "context.today": Field("date"),
    "context.hour": Field("number"),
    "context.weekday": Field("text", WEEKDAYS),
}
"""Known of every request; times are in the policy's time zone."""


def kind_of_value(value: Value) -> Kind:
    """Return the kind of a constant."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "text"
    return "date" if isinstance(value, date) else "number"


def check_rule(expression: Expression, text: str, schema: Schema) -> None:
    """Check that a rule uses known names, compares equal types, and is a condition.

    Raises
    ------
    RuleError
        At the first mistake, with a suggestion.
    """
    _Checker(text, schema).demand(expression, "boolean", "a rule is a condition")


class _Checker:
    def __init__(self, text: str, schema: Schema) -> None:
        self._text = text
        self._schema = schema

    def demand(self, expression: Expression, wanted: Kind, why: str) -> None:
        kind = self.kind(expression)
        if kind != wanted:
            message = f"{written(expression)} is {_WORDS[kind]}, not {_WORDS[wanted]}"
            raise self._error(message, expression.span, f"{why}: {_example(kind, wanted)}")

    def kind(self, expression: Expression) -> Kind:
        match expression:
            case Constant(value=value):
                return kind_of_value(value)
            case Name(name=name, span=span):
                return self._field(name, span).kind
            case Negative(of=of):
                self.demand(of, "number", "only numbers have a sign")
                return "number"
            case Arithmetic(operator=operator, left=left, right=right):
                for side in (left, right):
                    self.demand(side, "number", f"{operator} calculates with numbers")
                return "number"
            case _:
                self._condition(expression)
                return "boolean"

    def _condition(self, condition: Condition) -> None:
        match condition:
            case Comparison():
                self._comparison(condition)
            case Membership(of=of, values=values, span=span):
                kind = self.kind(of)
                for value in values:
                    self._like(kind, kind_of_value(value), of, written_value(value), span)
                self._possible(of, values, span)
            case Presence(of=of):
                self.kind(of)
            case Not(of=of):
                self.demand(of, "boolean", "not turns a condition round")
            case And(parts=parts) | Or(parts=parts):
                for part in parts:
                    self.demand(part, "boolean", "and, or join conditions")

    def _comparison(self, made: Comparison) -> None:
        left, right = self.kind(made.left), self.kind(made.right)
        self._like(left, right, made.left, written(made.right), made.span)
        if made.operator not in ("==", "!=") and left in ("text", "boolean"):
            message = f"{_WORDS[left]} is neither more nor less than another"
            raise self._error(message, made.span, "compare with ==, != or in")
        for one, other in ((made.left, made.right), (made.right, made.left)):
            if isinstance(other, Constant):
                self._possible(one, (other.value,), other.span)

    def _like(self, left: Kind, right: Kind, of: Expression, other: str, span: Span) -> None:
        if left != right:
            message = f"{written(of)} is {_WORDS[left]} and {other} is {_WORDS[right]}"
            raise self._error(message, span, f"compare it with {_WORDS[left]}")

    def _possible(self, of: Expression, values: tuple[Value, ...], span: Span) -> None:
        """Refuse a text that the column never holds."""
        if not isinstance(of, Name) or not (among := self._field(of.name, of.span).among):
            return
        for value in values:
            if value not in among:
                message = f"{of.name} is never {written_value(value)}"
                raise self._error(message, span, f"it is one of {', '.join(among)}")

    def _field(self, name: str, span: Span) -> Field:
        if name in self._schema:
            return self._schema[name]
        if name.lower() in ("null", "none", "nan", "na"):
            remedy = "write: column is missing, or: column is known"
        elif close := get_close_matches(name, self._schema, n=1, cutoff=_SIMILAR):
            remedy = f"did you mean {close[0]}?"
        elif name.startswith("context."):
            remedy = f'declare it: [policy.context] {name.removeprefix("context.")} = "text"'
        else:
            remedy = "name a column that `regulars features` lists; put texts between quotes"
        raise self._error(f"there is no {name}", span, remedy)

    def _error(self, message: str, span: Span, remedy: str) -> RuleError:
        return RuleError(message, self._text, span, remedy)


def _example(kind: Kind, wanted: Kind) -> str:
    if wanted != "boolean":
        return f"use {_WORDS[wanted]}"
    return {
        "number": "compare it, as in: orders_365d >= 2",
        "text": 'compare it, as in: stage == "active"',
        "date": "compare it, as in: context.today < 2026-12-24",
        "boolean": "",
    }[kind]
