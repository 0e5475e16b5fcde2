"""One row of a memory-mapped Arrow table as a dictionary, in a few microseconds.

Arrow is made for columns. Through its own interface a row of forty columns takes some hundred
times as long, since each value passes through an array of length one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pyarrow as pa

# Type codes of the standard library's struct module.
_BOUNDS: Final = {pa.large_string(): "q", pa.string(): "i"}
_CODES: Final = {pa.float64(): "d", pa.float32(): "f", pa.int64(): "q", pa.int32(): "i"}


class TableRows:
    """Reads rows of a table: floats, integers, booleans and text.

    Raises
    ------
    TypeError
        When a column is of another type.
    """

    def __init__(self, table: Any) -> None:
        self._columns = [(name, _reader(table.column(name))) for name in table.column_names]
        self._length: int = table.num_rows

    def row(self, position: int) -> dict[str, Any]:
        """Return a row by its position, None where a value is null.

        Raises
        ------
        IndexError
            When there is no such row.
        """
        if not 0 <= position < self._length:
            raise IndexError(position)
        return {name: read(position) for name, read in self._columns}


def _reader(column: Any) -> Callable[[int], Any]:
    if column.null_count == len(column):
        return _nothing
    # One chunk is read where it lies: combining would copy it.
    chunk = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    read = _values(chunk)
    if not chunk.null_count:
        return read
    known = _bits(chunk.buffers()[0], chunk.offset)
    return lambda position: read(position) if known(position) else None


def _values(chunk: Any) -> Callable[[int], Any]:
    kind, first = chunk.type, chunk.offset
    if kind == pa.bool_():
        return _bits(chunk.buffers()[1], first)
    if kind in _BOUNDS:
        _, bounds, data = chunk.buffers()
        return _texts(_numbers(bounds, _BOUNDS[kind]), memoryview(data or b""), first)
    if kind not in _CODES:
        raise TypeError(f"rows of {kind} cannot be read")
    numbers = _numbers(chunk.buffers()[1], _CODES[kind])
    if first == 0:
        read: Callable[[int], Any] = numbers.__getitem__
        return read
    return lambda position: numbers[first + position]


def _texts(bounds: Any, data: memoryview, first: int) -> Callable[[int], str]:
    def read(position: int) -> str:
        place = first + position
        return str(data[bounds[place] : bounds[place + 1]], "utf-8")

    return read


def _bits(buffer: Any, first: int) -> Callable[[int], bool]:
    bits = memoryview(buffer)

    def read(position: int) -> bool:
        place = first + position
        return bool(bits[place >> 3] >> (place & 7) & 1)

    return read


def _numbers(buffer: Any, code: Any) -> Any:
    # Through bytes: memoryview casts to numbers from bytes only.
    return memoryview(buffer).cast("B").cast(code)


def _nothing(_position: int) -> None:
    return None
