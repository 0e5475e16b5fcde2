"""Columns of Arrow tables as arrays: as pyarrow reads them, and without what it would load."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.lookups.columns import booleans, coded, floats, rows_at

NUMBERS = st.one_of(
    st.tuples(st.just(pa.float64()), st.lists(st.none() | st.floats())),
    st.tuples(st.just(pa.float32()), st.lists(st.none() | st.floats(width=32))),
    st.tuples(st.just(pa.int64()), st.lists(st.none() | st.integers(-(2**53), 2**53))),
    st.tuples(st.just(pa.int32()), st.lists(st.none() | st.integers(-(2**31), 2**31 - 1))),
    st.tuples(st.just(pa.bool_()), st.lists(st.none() | st.booleans())),
)


def in_parts(values: list[object], kind: pa.DataType, cut: int) -> list[pa.ChunkedArray]:
    """The same column whole, as a part of a longer one, and in two pieces."""
    longer = pa.array([values[0] if values else None, *values, None], kind)
    return [
        pa.chunked_array([pa.array(values, kind)]),
        pa.chunked_array([longer.slice(1, len(values))]),
        pa.chunked_array([pa.array(values[:cut], kind), pa.array(values[cut:], kind)]),
        pa.chunked_array([], kind) if not values else pa.chunked_array([pa.array(values, kind)]),
    ]


@settings(deadline=None)
@given(NUMBERS, st.integers(0, 20))
def test_numbers_are_read_as_stored_and_nulls_as_nan(
    given_column: tuple[pa.DataType, list[object]], cut: int
) -> None:
    kind, values = given_column
    expected = np.array([np.nan if v is None else v for v in values], dtype=np.float64)
    for column in in_parts(values, kind, cut):
        np.testing.assert_array_equal(floats(column), expected)


@settings(deadline=None)
@given(st.lists(st.booleans()), st.integers(0, 20))
def test_booleans_are_read_as_stored(values: list[object], cut: int) -> None:
    for column in in_parts(values, pa.bool_(), cut)[:1] + in_parts(values, pa.bool_(), cut)[2:]:
        assert booleans(column).tolist() == values


@settings(deadline=None)
@given(st.lists(st.none() | st.sampled_from(["a", "b", "ä"])), st.integers(0, 20))
def test_texts_are_numbered(values: list[object], cut: int) -> None:
    for column in in_parts(values, pa.large_string(), cut):
        codes, texts = coded(column)
        assert [None if code < 0 else texts[code] for code in codes.tolist()] == values
        assert len(set(texts)) == len(texts)


def test_a_column_without_nulls_is_not_copied_and_one_of_nulls_takes_no_memory() -> None:
    column = pa.chunked_array([pa.array([1.0, 2.0])])
    assert floats(column).ctypes.data == column.chunk(0).buffers()[1].address
    nothing = floats(pa.chunked_array([pa.nulls(1_000, pa.float64())]))
    assert nothing.strides == (0,)
    assert np.isnan(nothing).all()


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(TypeError, match="date32"):
        floats(pa.chunked_array([pa.array([1], pa.date32())]))


def test_rows_are_taken_in_the_order_of_their_positions() -> None:
    table = pa.table({"name": ["a", "b", "c"]})
    assert table.take(rows_at(np.array([2, 0, 2], dtype=np.int32)))["name"].to_pylist() == [
        "c",
        "a",
        "c",
    ]


def test_a_server_that_has_opened_its_bundle_has_loaded_nothing_that_it_does_not_use(
    shop: Any,
) -> None:
    code = (
        "import sys; from pathlib import Path; from datetime import UTC, datetime;"
        "from serving.run import make_application;"
        "from serving.decisions.policies.settings import BEST_BY_VALUE;"
        "folder = Path(sys.argv[1]); database = f'sqlite:///{folder}/events.db';"
        "make_application(folder / 'bundles', database, None, BEST_BY_VALUE);"
        "print([name for name in ('pandas', 'scipy', 'mlflow', 'lightgbm') if name in sys.modules])"
    )
    said = subprocess.run(  # noqa: S603  our own statement
        [sys.executable, "-c", code, str(shop.folder)], capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "[]"
