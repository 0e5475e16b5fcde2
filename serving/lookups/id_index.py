"""Finds ids in a sorted column: a dictionary for a catalogue, binary search for a customer base."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import Any, Final

# Every 16th id is kept as a Python object; the search ends among the 16 ids that follow one.
_STRETCH: Final = 16

# Up to this many ids (a catalogue, not a customer base) all are kept in a dictionary: 10 MB or so.
_KEPT_WHOLE: Final = 65_536


class IdIndex:
    """Positions by id.

    Parameters
    ----------
    column
        Arrow column of distinct texts in ascending order; a long one is searched where it lies.

    Attributes
    ----------
    forgotten
        Positions of erased ids, which are no longer found.
    """

    def __init__(self, column: Any) -> None:
        chunk = column.chunk(0) if column.num_chunks else None
        self._length = len(column)
        self.forgotten: set[int] = set()
        if chunk is not None:
            _, offsets, data = chunk.buffers()
            # Not an array: numbers come out of a view as Python's own, and sooner.
            bounds = memoryview(offsets or bytes(8)).cast("B").cast("q")
            self._offsets = bounds[chunk.offset : chunk.offset + self._length + 1]
            self._data = memoryview(data) if data else memoryview(b"")
        self._places: dict[str, int] | None = None
        self._marks: list[bytes] = []
        if self._length <= _KEPT_WHOLE:
            self._places = {id_: place for place, id_ in enumerate(column.to_pylist())}
        else:
            self._marks = [self._bytes(place) for place in range(0, self._length, _STRETCH)]

    def __len__(self) -> int:
        return self._length

    def ids(self) -> list[str]:
        """Return all ids in their order, forgotten ones too."""
        if self._places is not None:
            return list(self._places)
        return [str(self._bytes(place), "utf-8") for place in range(self._length)]

    def position(self, key: str) -> int | None:
        """Return the position of the id, None if it is not there."""
        found = self._search(key) if self._places is None else self._places.get(key)
        return None if found is None or found in self.forgotten else found

    def positions(self, keys: Iterable[str]) -> set[int]:
        """Return the positions of the ids that are known."""
        return {place for key in keys if (place := self.position(key)) is not None}

    def _search(self, key: str) -> int | None:
        # UTF-8 sorts as its code points do, so bytes can be compared undecoded.
        wanted = key.encode("utf-8", "surrogatepass")
        first = max(bisect_right(self._marks, wanted) - 1, 0) * _STRETCH
        last = min(first + _STRETCH, self._length)
        found = bisect_left(range(last), wanted, first, key=self._bytes)
        return found if found < last and self._bytes(found) == wanted else None

    def _bytes(self, position: int) -> bytes:
        return bytes(self._data[self._offsets[position] : self._offsets[position + 1]])
