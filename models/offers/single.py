"""Evaluation of rules for one customer, with three values: True, False, or None for unknown.

The same results as :mod:`models.offers.vectorised`, in a few microseconds per rule.
"""

from __future__ import annotations

import math
import operator as operators
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

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
)

Row = Mapping[str, Value | None]
"""One customer's columns and the request's context; missing values are None, NaN or absent."""

_Evaluate = Callable[[Row], Any]

_COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "<": operators.lt,
    "<=": operators.le,
    ">": operators.gt,
    ">=": operators.ge,
    "==": operators.eq,
    "!=": operators.ne,
}
_CALCULATE: Final[Mapping[str, Callable[[float, float], float]]] = {
    "+": operators.add,
    "-": operators.sub,
    "*": operators.mul,
    "/": operators.truediv,
}


def is_missing(value: Value | None) -> bool:
    """Return whether a value is None or NaN."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def over_row(expression: Expression) -> _Evaluate:
    """Compile an expression to a function of one row."""
    match expression:
        case Constant(value=value):
            return lambda _row: value
        case Name(name=name):
            return _name(name)
        case Negative(of=of):
            inside = over_row(of)
            return lambda row: None if (value := inside(row)) is None else -value
        case Arithmetic(operator=operator, left=left, right=right):
            return _arithmetic(_CALCULATE[operator], over_row(left), over_row(right))
        case _:
            return _condition(expression)


def _condition(condition: Condition) -> _Evaluate:
    match condition:
        case Comparison(operator=operator, left=left, right=right):
            return _comparison(_COMPARE[operator], over_row(left), over_row(right))
        case Membership(of=of, values=values, negated=negated):
            return _membership(over_row(of), frozenset(values), negated=negated)
        case Presence(of=of, missing=missing):
            value = over_row(of)
            return lambda row: (value(row) is None) == missing
        case Not(of=of):
            inside = over_row(of)
            return lambda row: None if (held := inside(row)) is None else not held
        case And(parts=parts):
            return _decided_by([over_row(part) for part in parts], deciding=False)
        case Or(parts=parts):
            return _decided_by([over_row(part) for part in parts], deciding=True)


def _name(name: str) -> _Evaluate:
    def value(row: Row) -> Any:
        found = row.get(name)
        return None if is_missing(found) else found

    return value


def _arithmetic(
    calculate: Callable[[float, float], float], left: _Evaluate, right: _Evaluate
) -> _Evaluate:
    def calculated(row: Row) -> float | None:
        one, other = left(row), right(row)
        if one is None or other is None:
            return None
        try:
            result = calculate(float(one), float(other))
        except (ZeroDivisionError, OverflowError):
            return None
        return result if math.isfinite(result) else None

    return calculated


def _comparison(
    compare: Callable[[Any, Any], bool], left: _Evaluate, right: _Evaluate
) -> _Evaluate:
    def compared(row: Row) -> bool | None:
        one, other = left(row), right(row)
        return None if one is None or other is None else compare(one, other)

    return compared


def _membership(of: _Evaluate, values: frozenset[Value], *, negated: bool) -> _Evaluate:
    def among(row: Row) -> bool | None:
        value = of(row)
        return None if value is None else (value in values) is not negated

    return among


def _decided_by(parts: Sequence[_Evaluate], *, deciding: bool) -> _Evaluate:
    """Three-valued ``and`` (``deciding`` is False) or ``or`` (True).

    The first part with the deciding value decides; without one the result is unknown if any part
    is.
    """

    def decided(row: Row) -> Any:
        unknown = False
        for part in parts:
            held = part(row)
            if held is deciding:
                return deciding
            unknown = unknown or held is None
        return None if unknown else not deciding

    return decided
