"""Rules: they read back as they were written, and know three answers."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.offers.checking import Field, check_rule
from models.offers.parser import parse
from models.offers.rules import Rule
from models.offers.single import Row, over_row
from models.offers.syntax import (
    And,
    Arithmetic,
    Comparison,
    Constant,
    Expression,
    Membership,
    Name,
    Negative,
    Not,
    Or,
    Presence,
    written,
)
from models.offers.vectorised import Texts, as_column, over_columns

SCHEMA = {
    "orders": Field("number"),
    "value": Field("number"),
    "tier": Field("text"),
    "context.channel": Field("text"),
    "consent": Field("boolean"),
    "context.today": Field("date"),
}
ROWS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "orders": st.none() | st.integers(0, 4).map(float),
        "value": st.none() | st.floats(-3, 3, width=16),
        "tier": st.none() | st.sampled_from(["top", "rest", 'a "b" \\c']),
        "context.channel": st.none() | st.sampled_from(["web", "top"]),
        "consent": st.none() | st.booleans(),
        "context.today": st.none() | st.dates(date(2026, 1, 1), date(2026, 1, 5)),
    }
)

_texts = st.sampled_from(["top", "rest", "web", 'a "b" \\c', "it's", "line\nbreak", ""])
_days = st.dates(date(2026, 1, 1), date(2026, 1, 5))
_numbers = st.integers(0, 4).map(float) | st.floats(0, 1e300)


def _quantity(kind: str, constants: st.SearchStrategy[Any]) -> st.SearchStrategy[Expression]:
    names = [name for name, field in SCHEMA.items() if field.kind == kind]
    return st.sampled_from(names).map(Name) | constants.map(Constant)


_TEXT = _quantity("text", _texts)
_DAY = _quantity("date", _days)
_NUMBER = st.recursive(
    _quantity("number", _numbers),
    lambda inner: (
        st.builds(Negative, inner)
        | st.builds(Arithmetic, st.sampled_from(["+", "-", "*", "/"]), inner, inner)
    ),
    max_leaves=4,
)


def _tests(
    of: st.SearchStrategy[Expression], values: st.SearchStrategy[Any], *, ordered: bool
) -> st.SearchStrategy[Expression]:
    operators = ["==", "!=", "<", "<=", ">", ">="] if ordered else ["==", "!="]
    listed = st.lists(values, min_size=1, max_size=3).map(tuple)
    return (
        st.builds(Comparison, st.sampled_from(operators), of, of)
        | st.builds(Membership, of, listed, st.booleans())
        | st.builds(Presence, of, st.booleans())
    )


_SIGNED = st.integers(-4, 4).map(float)
_LEAVES = (
    _tests(_TEXT, _texts, ordered=False)
    | _tests(_DAY, _days, ordered=True)
    | _tests(_NUMBER, _SIGNED, ordered=True)
    | _quantity("boolean", st.booleans())
)


def _joined(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    parts = st.lists(inner, min_size=2, max_size=3).map(tuple)
    equal = st.builds(Comparison, st.sampled_from(["==", "!="]), inner, inner)
    return st.builds(And, parts) | st.builds(Or, parts) | st.builds(Not, inner) | equal


CONDITIONS = st.recursive(_LEAVES, _joined, max_leaves=6)


@given(CONDITIONS)
def test_what_is_written_reads_back_as_the_same(condition: Expression) -> None:
    assert parse(written(condition)) == condition
    assert str(Rule(written(condition))) == written(condition)


@given(CONDITIONS)
def test_conditions_of_fitting_kinds_pass_the_check(condition: Expression) -> None:
    check_rule(condition, written(condition), SCHEMA)


def as_columns(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Turn rows into columns, as the bundle gives them; the context is the first row's."""
    columns: dict[str, Any] = {}
    for name, field in SCHEMA.items():
        values = [row[name] for row in rows]
        if name.startswith("context."):
            columns[name] = as_column(values[0])
        elif field.kind == "text":
            columns[name] = Texts.of(values)
        else:
            columns[name] = np.array([np.nan if v is None else float(v) for v in values])
    return columns


@given(CONDITIONS, st.lists(ROWS, min_size=1, max_size=5))
def test_all_at_once_is_the_same_as_one_by_one(
    condition: Expression, rows: list[dict[str, Any]]
) -> None:
    said = {name: value for name, value in rows[0].items() if name.startswith("context.")}
    rows = [row | said for row in rows]
    together = np.broadcast_to(over_columns(condition)(as_columns(rows)), len(rows))
    alone = [over_row(condition)(row) for row in rows]
    assert [None if np.isnan(held) else bool(held) for held in together] == alone


@pytest.mark.parametrize(
    ("left", "right", "both", "either"),
    [
        (True, True, True, True),
        (True, False, False, True),
        (True, None, None, True),
        (False, True, False, True),
        (False, False, False, False),
        (False, None, False, None),
        (None, True, None, True),
        (None, False, False, None),
        (None, None, None, None),
    ],
)
def test_and_and_or_know_three_values(
    left: bool | None, right: bool | None, both: bool | None, either: bool | None
) -> None:
    row: Row = {"a": left, "b": right}
    columns = {name: as_column(value) for name, value in row.items()}
    for text, answer in (("a and b", both), ("a or b", either)):
        rule = Rule(text)
        assert rule.holds(row) is answer
        held = float(rule.over(columns))
        assert np.isnan(held) if answer is None else held == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("not gone", None),
        ("gone == 1", None),
        ("gone != gone", None),
        ("gone in [1, 2]", None),
        ("gone not in [1, 2]", None),
        ("gone is missing", True),
        ("gone is known", False),
        ("gone > 1 or three == 3", True),
        ("gone > 1 and three == 4", False),
        ("three / zero > 1", None),  # what cannot be divided is not known
        ("three / zero is missing", True),
        ("three * 2 + 1 == 7", True),
        ("three - 1 - 1 == 1", True),  # from the left
        ("-three < -2", True),
        ("three in [-3, 3]", True),
        ("three not in [-3, 3]", False),
        ("not three == 3 or three == 3", True),  # not binds more tightly than or
    ],
)
def test_what_is_missing_makes_it_unknown_and_nothing_else_does(
    text: str, answer: bool | None
) -> None:
    rule = Rule(text)
    row = {"three": 3.0, "zero": 0.0, "gone": float("nan")}
    assert rule.holds(row) is answer
    held = float(rule.over({name: as_column(value) for name, value in row.items()}))
    assert np.isnan(held) if answer is None else held == answer


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"orders": 1.0, "tier": "top"}, "orders >= 2 does not hold: orders is 1"),
        ({"orders": 3.0, "tier": "rest"}, 'tier == "top" does not hold: tier is "rest"'),
        ({"orders": 2.5, "tier": "top"}, 'orders >= 2 and tier == "top" holds'),
        ({"orders": 3.0}, 'tier == "top" is unknown: tier is missing'),
    ],
)
def test_the_first_part_that_fails_is_named_with_its_values(row: Row, words: str) -> None:
    assert Rule('orders >= 2 and tier == "top"').why_not(row) == words


def test_spaces_quotes_and_names_of_the_context_are_read() -> None:
    rule = Rule("context.channel=='web'\n  and orders>=.5")
    assert str(rule) == 'context.channel == "web" and orders >= 0.5'
    assert rule.names == ("context.channel", "orders")
