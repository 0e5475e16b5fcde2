"""Ids are found by position, in a small index with a dictionary and in a large one by search."""

from __future__ import annotations

import pyarrow as pa
import pytest

from serving.lookups.id_index import IdIndex


def index_of(ids: list[str]) -> IdIndex:
    return IdIndex(pa.chunked_array([pa.array(ids, pa.large_string())]))


@pytest.mark.parametrize("count", [0, 1, 100, 70_000])
def test_every_id_is_found_at_its_position_and_no_other(count: int) -> None:
    ids = sorted(f"c{number}" for number in range(count))
    index = index_of(ids)
    assert len(index) == count
    looked_up = range(0, count, max(1, count // 1_000))
    assert [index.position(ids[place]) for place in looked_up] == list(looked_up)
    for absent in ("", "a", "c", "c-1", "c00", "c70000", "é", "\udc80", "zz"):
        assert index.position(absent) is None
    assert index.positions(["c0", "nobody", "c0"]) == ({0} if count else set())


@pytest.mark.parametrize("count", [3, 70_000])
def test_the_forgotten_are_found_no_more(count: int) -> None:
    index = index_of(sorted(f"c{number}" for number in range(count)))
    index.forgotten.add(1)
    assert [index.position(key) for key in ("c0", "c1")] == [0, None]


def test_letters_beyond_ascii_sort_as_their_bytes_do() -> None:
    ids = sorted([f"c{number}" for number in range(70_000)] + ["Zoë", "änne", "🙂"])
    index = index_of(ids)
    assert [index.position(key) for key in ("Zoë", "änne", "🙂")] == [0, 70_001, 70_002]
