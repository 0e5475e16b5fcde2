"""Rows read from buffers are the rows that Arrow itself gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.lookups.table_rows import TableRows

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
KINDS: dict[Any, st.SearchStrategy[Any]] = {
    pa.float64(): st.floats(allow_nan=False),
    pa.float32(): st.floats(allow_nan=False, width=32),
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.int32(): st.integers(-(2**31), 2**31 - 1),
    pa.bool_(): st.booleans(),
    pa.large_string(): TEXT,
    pa.string(): TEXT,
}


@st.composite
def tables(draw: st.DrawFn) -> Any:
    rows = draw(st.integers(0, 20))
    columns = {}
    for number, kind in enumerate(draw(st.lists(st.sampled_from(list(KINDS)), min_size=1))):
        values = draw(st.lists(st.none() | KINDS[kind], min_size=rows, max_size=rows))
        columns[f"c{number}"] = pa.array(values, kind)
    table = pa.table(columns)
    # A slice keeps the whole's buffers and begins within them.
    first = draw(st.integers(0, rows))
    return table.slice(first)


@given(tables())
def test_rows_are_those_of_arrow(table: Any) -> None:
    rows = TableRows(table)
    assert [rows.row(place) for place in range(table.num_rows)] == table.to_pylist()


@given(tables())
def test_there_is_no_row_outside(table: Any) -> None:
    for place in (-1, table.num_rows):
        with pytest.raises(IndexError):
            TableRows(table).row(place)


def test_rows_of_a_mapped_file_outlive_the_table(tmp_path: Path) -> None:
    table = pa.table({"n": pa.array([1.5, None]), "t": pa.array(["ä", "b"], pa.large_string())})
    with pa.OSFile(str(tmp_path / "t"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as out:
        out.write_table(table)
    rows = TableRows(pa.ipc.open_file(pa.memory_map(str(tmp_path / "t"))).read_all())
    assert [rows.row(0), rows.row(1)] == table.to_pylist()


def test_one_chunk_is_read_where_it_lies_and_several_are_one() -> None:
    part = pa.table({"n": pa.array(range(100_000), pa.int64())})
    before = pa.total_allocated_bytes()
    rows = TableRows(part)
    assert pa.total_allocated_bytes() - before < 10_000
    assert rows.row(99_999) == {"n": 99_999}
    assert TableRows(pa.concat_tables([part, part])).row(100_001) == {"n": 1}


def test_a_column_of_another_type_is_refused() -> None:
    with pytest.raises(TypeError, match="date32"):
        TableRows(pa.table({"d": pa.array([1], pa.int32()).cast(pa.date32())}))
