"""The grammar and the syntax tree of rules, and how a tree is written as text.

    rule       = and {"or" and}
    and        = not {"and" not}
    not        = "not" not | test
    test       = sum [("<" | "<=" | ">" | ">=" | "==" | "!=") sum
                     | ["not"] "in" "[" constant {"," constant} "]"
                     | "is" ("missing" | "known")]
    sum        = product {("+" | "-") product}
    product    = sign {("*" | "/") sign}
    sign       = "-" sign | constant | name | "(" rule ")"
    constant   = number | "text" | true | false | 2026-12-31
    name       = churn_probability, context.channel, ...

The position of a node in the text does not count when trees are compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Literal

from models.offers.errors import Span

Value = float | str | bool | date
Comparing = Literal["<", "<=", ">", ">=", "==", "!="]
Calculating = Literal["+", "-", "*", "/"]

NOWHERE: Final = Span(0)


@dataclass(frozen=True)
class Constant:
    """A number at or above zero, a text, true or false, or a day."""

    value: Value
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Name:
    """A column of the customer, or a field of the request's context."""

    name: str
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Negative:
    """``-of``."""

    of: Expression
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Arithmetic:
    """``left + right`` and the like."""

    operator: Calculating
    left: Expression
    right: Expression
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Comparison:
    """``left >= right`` and the like."""

    operator: Comparing
    left: Expression
    right: Expression
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Membership:
    """``of in [values]``, or ``of not in [values]``; at least one value."""

    of: Expression
    values: tuple[Value, ...]
    negated: bool
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Presence:
    """``of is known``, or ``of is missing``: the only test that is never unknown."""

    of: Expression
    missing: bool
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Not:
    """``not of``."""

    of: Expression
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class And:
    """At least two parts, all of which must hold."""

    parts: tuple[Expression, ...]
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Or:
    """At least two parts, one of which must hold."""

    parts: tuple[Expression, ...]
    span: Span = field(default=NOWHERE, compare=False)


Condition = Comparison | Membership | Presence | Not | And | Or
Expression = Constant | Name | Negative | Arithmetic | Condition

# Precedence: a part inside one of higher precedence needs parentheses.
_OR, _AND, _NOT, _TEST, _SUM, _PRODUCT, _SIGN = range(7)


def written(expression: Expression) -> str:
    """Return the expression as canonical text, which parses to the same expression."""
    return _written(expression, _OR)


def names_in(expression: Expression) -> Iterator[Name]:
    """Yield every name, from left to right."""
    match expression:
        case Name():
            yield expression
        case Constant():
            return
        case Arithmetic(left=left, right=right) | Comparison(left=left, right=right):
            yield from names_in(left)
            yield from names_in(right)
        case And(parts=parts) | Or(parts=parts):
            for part in parts:
                yield from names_in(part)
        case Negative(of=of) | Membership(of=of) | Presence(of=of) | Not(of=of):
            yield from names_in(of)


def written_value(value: Value) -> str:
    """Return a constant as rules write it."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case date():
            return value.isoformat()
        case _:
            whole = float(value).is_integer() and abs(value) < 1e15
            return str(int(value)) if whole else repr(float(value))


def _written(expression: Expression, within: int) -> str:
    binds, text = _plain(expression)
    return text if binds >= within else f"({text})"


def _plain(expression: Expression) -> tuple[int, str]:
    match expression:
        case Constant(value=value):
            return _SIGN, written_value(value)
        case Name(name=name):
            return _SIGN, name
        case Negative(of=of):
            return _SIGN, f"-{_written(of, _SIGN)}"
        case Arithmetic(operator=operator, left=left, right=right):
            binds = _SUM if operator in "+-" else _PRODUCT
            return binds, f"{_written(left, binds)} {operator} {_written(right, binds + 1)}"
        case _:
            return _plain_condition(expression)


def _plain_condition(condition: Condition) -> tuple[int, str]:
    match condition:
        case Comparison(operator=operator, left=left, right=right):
            return _TEST, f"{_written(left, _SUM)} {operator} {_written(right, _SUM)}"
        case Membership(of=of, values=values, negated=negated):
            listed = ", ".join(written_value(value) for value in values)
            return _TEST, f"{_written(of, _SUM)} {'not in' if negated else 'in'} [{listed}]"
        case Presence(of=of, missing=missing):
            return _TEST, f"{_written(of, _SUM)} is {'missing' if missing else 'known'}"
        case Not(of=of):
            return _NOT, f"not {_written(of, _NOT)}"
        case And(parts=parts):
            return _AND, " and ".join(_written(part, _AND + 1) for part in parts)
        case Or(parts=parts):
            return _OR, " or ".join(_written(part, _OR + 1) for part in parts)
