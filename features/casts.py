"""Convert the user's values to our types; unreadable ones become missing, with a reason."""

from __future__ import annotations

import functools
import math
import operator
from typing import Any

import ibis
import ibis.expr.types as ir

from features.engine import SOURCE_FILE, SOURCE_ROW
from features.rules import REASONS, Rule
from features.sources import SOURCE_INDEX
from features.vocabulary import ColumnSpec, TableSpec

PLACE = (SOURCE_INDEX, SOURCE_FILE, SOURCE_ROW)
_NO = ibis.literal(value=False)
_NOTHING = ("nan", "null", "none")
_WORDS = {"timestamp": "a date", "float64": "a number", "int64": "a whole number"}
_FORMS = {
    "a date": ", year first: 2026-01-31 or 2026-01-31 14:05 (docs/tables.md turns others)",
    "a number": " with a decimal point: 1234.50, without currency signs or thousands separators",
}
# What counts as a date or a number is defined here: engines differ in what else they accept.
_LOCAL_TIME = (
    r"^\s*\d{4}(-\d{1,2}-\d{1,2}|/\d{1,2}/\d{1,2})"
    r"([T ]([01]?\d|2[0-3]):\d{1,2}(:\d{1,2}(\.\d*)?)?)?\z"
)
_TIME_WITH_OFFSET = (
    r"^\s*\d{4}(-\d{2}-|/\d{2}/)\d{2}[T ]([01]\d|2[0-3]):\d{2}(:\d{2}(\.\d*)?)?"
    r"(Z| UTC| GMT|[+-](0\d|1[0-4])(:?[0-5]\d)?)\z"
)
_NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*\z"


def original(name: str) -> str:
    """Name the column that holds a value as the user wrote it."""
    return f"original_{name}"


def typed(raw: ir.Table, spec: TableSpec, source_index: int) -> ir.Table:
    """Return a table's columns with their types, and the text that they were read from.

    Returns
    -------
    The row's place (source, file, row), every column of the vocabulary, ``original_<column>``
    (missing where the source was not text) and ``reasons``: the type rules that the row fails.
    """
    columns: dict[str, Any] = {SOURCE_INDEX: ibis.literal(source_index)}
    for column in spec.columns:
        if column.name in raw.columns:
            columns[column.name] = _cast(raw[column.name], column)
            if raw[column.name].type().is_string():
                columns[original(column.name)] = raw[column.name]
        else:
            columns[column.name] = ibis.null().cast(column.type)
    table = raw.select(SOURCE_FILE, SOURCE_ROW, **columns)
    table = flagged(table.mutate(ibis.literal("").name(REASONS)), type_rules(spec))
    names = [column.name for column in spec.columns]
    texts = {
        original(name): table[original(name)]
        if original(name) in table.columns
        else ibis.null().cast("string")
        for name in names
    }
    return table.select(*PLACE, *names, REASONS, **texts)


def flagged(table: ir.Table, rules: list[Rule]) -> ir.Table:
    """Append to ``reasons`` the names of all rules that a row fails, each ended by a semicolon.

    Only bad rows concatenate text: for all rows that would take most of the time.
    """
    if not rules:
        return table
    is_bad = functools.reduce(operator.or_, (rule.is_bad(table) for rule in rules))
    named = [ibis.ifelse(rule.is_bad(table), f"{rule.name};", "") for rule in rules]
    reasons = functools.reduce(operator.add, named, table[REASONS])
    return table.mutate(ibis.ifelse(is_bad, reasons, table[REASONS]).name(REASONS))


def type_rules(spec: TableSpec) -> list[Rule]:
    """Build the rules that every table shares: required values present, all values readable."""
    rules = []
    for column in spec.columns:
        if column.required:
            rules.append(_missing_rule(column))
        if column.type != "string":
            rules.append(_unreadable_rule(column, _WORDS.get(column.type, "true or false")))
    return rules


def _cast(value: ir.Value, column: ColumnSpec) -> ir.Value:
    kind = value.type()
    if column.type == "string":
        # Whole numbers that a missing value turned into floats: 17850.0 is customer 17850.
        if kind.is_floating():
            return _whole(value).cast("string").fill_null(value.cast("string").nullif("nan"))
        return value.cast("string").strip().nullif("")
    if column.type == "timestamp":
        if kind.is_timestamp() or kind.is_date():
            return value.cast("timestamp(6)")
        return _time(value.cast("string"))
    if column.type == "boolean":
        return value.cast("string").strip().try_cast("boolean")
    number = value.cast("float64") if kind.is_numeric() else _number(value.cast("string"))
    return _whole(number) if column.type == "int64" else ibis.ifelse(number.isnan(), None, number)


def _time(text: ir.StringValue) -> ir.Value:
    """Read a time: in UTC, unless the text states another offset."""
    dashed = text.replace("/", "-")
    precise = dashed.strip()
    seconds = ibis.ifelse(precise[16:17] == ":", "", ":00")
    with_seconds = precise[:16] + seconds + precise[16:]
    return ibis.cases(
        (text.re_search(_LOCAL_TIME), dashed.try_cast("timestamp(6)")),
        (
            text.re_search(_TIME_WITH_OFFSET),
            with_seconds.try_cast("timestamp('UTC')").cast("timestamp(6)"),
        ),
    )


def _number(text: ir.StringValue) -> ir.FloatingValue:
    return ibis.ifelse(text.re_search(_NUMBER), text, None).try_cast("float64")


def _whole(number: ir.NumericValue) -> ir.IntegerValue:
    """Return whole numbers as integers, and missing for numbers with a fraction."""
    whole = number.try_cast("int64")
    return ibis.ifelse(whole.cast("float64") == number, whole, None)


def _is_blank(t: ir.Table, name: str) -> ir.BooleanValue:
    """Return whether a value is missing, or a word for it such as NULL."""
    value = t[name]
    if value.type().is_string():
        is_word = ibis.ifelse(value.length() <= 4, value.lower().isin(_NOTHING), _NO)
        return value.isnull() | is_word
    if original(name) not in t.columns:
        return value.isnull()
    text = t[original(name)]
    written = text.notnull() & text.strip().lower().notin(["", *_NOTHING])
    return ibis.ifelse(value.isnull(), ~written, _NO)


def _missing_rule(column: ColumnSpec) -> Rule:
    return Rule(
        f"{column.name}_missing",
        column.name,
        lambda t: _is_blank(t, column.name),
        f"{column.name} is missing",
        f"every row needs {column.name}: {column.meaning}",
    )


def _unreadable_rule(column: ColumnSpec, word: str) -> Rule:
    def unreadable(t: ir.Table) -> ir.BooleanValue:
        lost = t[column.name].isnull() & ~_is_blank(t, column.name)
        # Not `isinf`, which Ibis compiles to nothing for Spark.
        return lost | (t[column.name].abs() == math.inf) if column.type == "float64" else lost

    return Rule(
        f"{column.name}_unreadable",
        column.name,
        unreadable,
        f"{column.name} is not {word}",
        f"write {column.name} as {word}{_FORMS.get(word, '')}",
    )
