"""A row is searched as its bytes lie, and gives what reading it number by number gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import BundleError
from models.bundle.sparse_rows import SparseRows, check_entries

# Numbers of which the end of one and the beginning of the next make up a third.
ALIKE = st.sampled_from([0, 1, 256, 257, 65_536, 65_793, 16_777_216, 16_843_009, 2**31 - 1])
COLUMNS = st.one_of(ALIKE, st.integers(0, 5))


@given(
    st.lists(st.lists(COLUMNS, unique=True, max_size=12), min_size=1, max_size=4),
    st.lists(st.one_of(COLUMNS, st.just(-1)), unique=True, max_size=8),
)
def test_places_are_those_of_the_entries(rows: list[list[int]], sought: list[int]) -> None:
    matrix = SparseRows.from_rows([dict.fromkeys(row, ()) for row in rows], {})
    for number, row in enumerate(rows):
        before = sum(map(len, rows[:number]))
        expected = [(each, before + row.index(each)) for each in sought if each in row]
        assert matrix.places(number, sought) == expected
        one_by_one = [(each, matrix.place(number, each)) for each in sought]
        assert [(each, place) for each, place in one_by_one if place >= 0] == expected


def test_what_only_looks_like_an_entry_between_two_is_none() -> None:
    row = np.array([0x01000000, 0x00000001], dtype="<i4").astype(np.int32)
    between = int(np.frombuffer(row.tobytes()[2:6], dtype=np.int32)[0])
    matrix = SparseRows(np.array([0, 2]), row, {})
    assert matrix.places(0, [between]) == []
    assert matrix.place(0, between) == -1


def test_there_is_no_row_beyond_the_last() -> None:
    with pytest.raises(IndexError):
        SparseRows.from_rows([{}], {}).places(1, [0])
    with pytest.raises(IndexError):
        SparseRows.from_rows([{}], {}).place(1, 0)


@pytest.mark.parametrize("row", [0, 4_094, 4_095, 4_096, 9_999])
def test_a_column_named_twice_is_found_in_whichever_row(row: int) -> None:
    rows: list[dict[int, tuple[float, ...]]] = [{0: (), 1: ()} for _ in range(10_000)]
    matrix = SparseRows.from_rows(rows, {})
    check_entries("similar", matrix, 2)
    matrix.indices[matrix.span(row)] = 1
    with pytest.raises(BundleError, match="names a column twice in one row"):
        check_entries("similar", matrix, 2)
