"""Evaluation of rules over whole columns, with three values: true, false, unknown.

Numbers, conditions (1 and 0) and days (counted from year 1) are float arrays in which NaN is
missing, or unknown; texts are codes. A column is an array of n, or of no dimension where all
customers share the value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

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

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Texts:
    """A dictionary-encoded text column: ``values[codes]``, missing where the code is -1."""

    codes: NDArray[np.int32]
    values: tuple[str, ...]

    @classmethod
    def of(cls, texts: Sequence[str | None]) -> Texts:
        """Encode texts; codes are in alphabetical order."""
        values = tuple(sorted({text for text in texts if text is not None}))
        numbers: dict[str | None, int] = {text: code for code, text in enumerate(values)}
        return cls(np.array([numbers.get(text, -1) for text in texts], np.int32), values)


Column = Floats | Texts
Columns = Mapping[str, Column]
_Evaluate = Callable[[Columns], Column]

_MISSING: Final = np.array(np.nan)
_NUMBERS: Final[Mapping[str, Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
}


def as_column(value: Value | None) -> Column:
    """Return the column in which every customer has this value."""
    match value:
        case None:
            return _MISSING
        case str():
            return Texts(np.array(0, np.int32), (value,))
        case date():
            return np.array(float(value.toordinal()))
        case _:
            return np.array(float(value))


def over_columns(expression: Expression) -> Callable[[Columns], Floats]:
    """Compile a condition to a function of columns: 1 holds, 0 does not, NaN is unknown.

    A column that is not there is missing for everyone.
    """
    evaluate = _compiled(expression)

    def condition(columns: Columns) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return _floats(evaluate(columns))

    return condition


def _compiled(expression: Expression) -> _Evaluate:
    match expression:
        case Constant(value=value):
            constant = as_column(value)
            return lambda _columns: constant
        case Name(name=name):
            return lambda columns: columns.get(name, _MISSING)
        case Negative(of=of):
            inside = _compiled(of)
            return lambda columns: -_floats(inside(columns))
        case Arithmetic(operator=operator, left=left, right=right):
            return _arithmetic(_NUMBERS[operator], _compiled(left), _compiled(right))
        case _:
            return _condition(expression)


def _condition(condition: Condition) -> _Evaluate:
    match condition:
        case Comparison(operator=operator, left=left, right=right):
            return _comparison(operator, _compiled(left), _compiled(right))
        case Membership(of=of, values=values, negated=negated):
            among = _among(_compiled(of), values)
            return _not(among) if negated else among
        case Presence(of=of, missing=missing):
            return _presence(_compiled(of), missing=missing)
        case Not(of=of):
            return _not(_compiled(of))
        case And(parts=parts):
            return _not(_any([_not(_compiled(part)) for part in parts]))
        case Or(parts=parts):
            return _any([_compiled(part) for part in parts])


def _arithmetic(calculate: Any, left: _Evaluate, right: _Evaluate) -> _Evaluate:
    def calculated(columns: Columns) -> Column:
        result = calculate(_floats(left(columns)), _floats(right(columns)))
        return np.where(np.isfinite(result), result, np.nan)

    return calculated


def _comparison(operator: str, left: _Evaluate, right: _Evaluate) -> _Evaluate:
    compare = _NUMBERS[operator]

    def compared(columns: Columns) -> Column:
        one, other = left(columns), right(columns)
        if isinstance(one, Texts) and isinstance(other, Texts):
            other_codes = _renumbered(other, one.values)
            unknown = (one.codes == -1) | (other_codes == -1)
            return np.where(unknown, np.nan, compare(one.codes, other_codes))
        # A text beside a column that is not there.
        if isinstance(one, Texts) or isinstance(other, Texts):
            return _MISSING
        return np.where(np.isnan(one) | np.isnan(other), np.nan, compare(one, other))

    return compared


def _renumbered(texts: Texts, values: tuple[str, ...]) -> NDArray[np.int32]:
    """Return the codes that texts have among ``values``; -2 for a text that is not there."""
    numbers = {text: code for code, text in enumerate(values)}
    codes = np.array([*(numbers.get(text, -2) for text in texts.values), -1], np.int32)
    renumbered: NDArray[np.int32] = codes[texts.codes]
    return renumbered


def _among(of: _Evaluate, values: Sequence[Value]) -> _Evaluate:
    texts = frozenset(value for value in values if isinstance(value, str))
    numbers = [float(_floats(as_column(value))) for value in values if not isinstance(value, str)]

    def among(columns: Columns) -> Column:
        column = of(columns)
        if isinstance(column, Texts):
            # The last is for the code -1.
            held = np.array([*(text in texts for text in column.values), np.nan], np.float64)
            return np.asarray(held[column.codes])
        return np.where(np.isnan(column), np.nan, np.isin(column, numbers))

    return among


def _any(parts: Sequence[_Evaluate]) -> _Evaluate:
    """Three-valued or: true if any part is true, else unknown if any part is unknown."""

    def held(columns: Columns) -> Column:
        result = _floats(parts[0](columns))
        for part in parts[1:]:
            other = _floats(part(columns))
            # maximum passes NaN on, fmax passes over it.
            result = np.where(np.fmax(result, other) == 1, 1.0, np.maximum(result, other))
        return result

    return held


def _not(of: _Evaluate) -> _Evaluate:
    return lambda columns: 1.0 - _floats(of(columns))


def _presence(of: _Evaluate, *, missing: bool) -> _Evaluate:
    def presence(columns: Columns) -> Column:
        column = of(columns)
        gone = column.codes == -1 if isinstance(column, Texts) else np.isnan(column)
        return np.where(gone == missing, 1.0, 0.0)

    return presence


def _floats(column: Column) -> Floats:
    # The types were checked: a text here is a column that is not what it was declared to be.
    return np.full(column.codes.shape, np.nan) if isinstance(column, Texts) else column
