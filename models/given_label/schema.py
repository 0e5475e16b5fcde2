"""Kinds of the columns of a plain table: inferred from their values, and applied to later tables.

Three kinds: numbers; dates, which are read as days since 1970-01-01; and categories, which are
texts and truth values. Blank texts are missing. The same kinds are applied to every later table,
so that a column means the same in a CSV file and in Parquet.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd

from features.errors import DataError
from features.family import Column

Kind = Literal["number", "date", "category"]
Kinds = Mapping[str, Kind]

# A few unreadable entries ("n/a", "?") do not make a column of numbers one of texts.
_READABLE_SHARE = 0.95
# Texts that nearly all differ are names, addresses or remarks: nothing to learn from.
_DISTINCT_SHARE = 0.5
_MANY = 32
_ISO_DATE = r"\d{4}-\d{2}-\d{2}"
_EPOCH = pd.Timestamp(0, tz="UTC").as_unit("us")


def infer_kinds(table: pd.DataFrame) -> tuple[dict[str, Kind], dict[str, str]]:
    """Read off what each column holds.

    Returns
    -------
    kinds, left_out
        The columns to learn from, and the others with the reason why not.
    """
    kinds: dict[str, Kind] = {}
    left_out: dict[str, str] = {}
    for name in table.columns:
        kind = kind_of(table[name])
        values = _typed(table[name], kind)
        known = values.dropna()
        distinct = known.nunique()
        if len(known) == 0:
            left_out[name] = "it is empty"
        elif distinct == 1 and len(known) == len(values):
            left_out[name] = "it says the same of everyone"
        elif kind == "category" and distinct > max(_MANY, _DISTINCT_SHARE * len(known)):
            left_out[name] = "nearly every row says something else: an identifier or free text"
        else:
            kinds[name] = kind
    return kinds, left_out


def read_as(table: pd.DataFrame, kinds: Kinds, what: str) -> pd.DataFrame:
    """Return the columns of ``kinds``, typed: floats, and texts for categories.

    Parameters
    ----------
    what
        The table's name, for the error.

    Raises
    ------
    DataError
        A column is not there.
    """
    for name in kinds:
        if name not in table.columns:
            close = difflib.get_close_matches(name, map(str, table.columns), n=1, cutoff=0.5)
            guess = f" ('{close[0]}' looks like it)" if close else ""
            raise DataError(
                f"{what}: column '{name}', which the model reads, is not there{guess}",
                f"name it '{name}' as in the table that was learned from, or train again "
                f'without it: leave_out = ["{name}"]',
            )
    return pd.DataFrame({name: _typed(table[name], kind) for name, kind in kinds.items()})


def as_columns(kinds: Kinds) -> tuple[Column, ...]:
    """Return the kinds as feature columns, named and meant as the user's."""
    return tuple(
        Column(name, name, "as in the table", "nothing was written",
               kind="category" if kind == "category" else "number")
        for name, kind in kinds.items()
    )  # fmt: skip


def texts(values: pd.Series[Any]) -> pd.Series[Any]:
    """Return values as stripped texts; blank is missing, whole numbers have no fraction."""
    if pd.api.types.is_float_dtype(values.dtype):
        whole = values.dropna().mod(1).eq(0).all()
        values = values.astype("Int64") if whole else values
    written = values.astype("string").str.strip()
    # Truth values are written in one way whatever the file: True, TRUE and true are the same.
    truth = written.str.lower()
    written = written.where(~truth.isin(["true", "false"]), truth)
    return written.where(written != "").astype("str")


def kind_of(values: pd.Series[Any]) -> Kind:
    """Return what a column holds, by its type, else by what most of its texts read as."""
    if pd.api.types.is_bool_dtype(values.dtype):
        return "category"
    if pd.api.types.is_numeric_dtype(values.dtype):
        return "number"
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return "date"
    written = texts(values).dropna()
    if len(written) == 0:
        return "category"
    measured: tuple[Kind, ...] = ("number", "date")
    return next(
        (k for k in measured if _typed(written, k).notna().mean() >= _READABLE_SHARE), "category"
    )


def _typed(values: pd.Series[Any], kind: Kind) -> pd.Series[Any]:
    if kind == "category":
        return texts(values)
    if kind == "date":
        return _days(values)
    numbers = pd.to_numeric(
        values if pd.api.types.is_numeric_dtype(values.dtype) else texts(values), errors="coerce"
    )
    numbers = numbers.astype("float64")
    return numbers.where(np.isfinite(numbers))


def _days(values: pd.Series[Any]) -> pd.Series[Any]:
    """Return days since 1970-01-01, with fractions; texts are dates as in 2026-01-31."""
    if not pd.api.types.is_datetime64_any_dtype(values.dtype):
        written = texts(values)
        values = written.where(written.str.match(_ISO_DATE).fillna(value=False))
    moments = pd.to_datetime(values, format="ISO8601", errors="coerce", utc=True)
    # Microseconds: in nanoseconds the calendar ends in 2262, and contracts "for ever" in 9999.
    return (moments.dt.as_unit("us") - _EPOCH) / pd.Timedelta(days=1)
