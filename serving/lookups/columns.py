"""Columns of a memory-mapped Arrow table as arrays, without a copy where no value is null.

pyarrow's own conversions load pandas: some 30 MB for each worker that nothing else here needs.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_KINDS: Final = ("float64", "float32", "int64", "int32", "int16", "int8")
_TYPES: Final = {getattr(pa, kind)(): np.dtype(kind) for kind in _KINDS}


def floats(column: Any) -> NDArray[np.float64]:
    """Return numbers or booleans as a read-only array, NaN where they are null.

    Raises
    ------
    TypeError
        When the column is of another type.
    """
    chunk = _whole(column)
    if chunk.null_count == len(chunk):
        # One NaN, read for every row.
        return np.broadcast_to(np.float64(np.nan), len(chunk))
    numbers = np.asarray(_stored(chunk), dtype=np.float64)
    return np.where(_known(chunk), numbers, np.nan) if chunk.null_count else numbers


def booleans(column: Any) -> NDArray[np.bool_]:
    """Return booleans of a column without nulls."""
    return np.asarray(_stored(_whole(column)), dtype=np.bool_)


def coded(column: Any) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """Return a code for each row of texts, -1 for null, and the distinct texts by code."""
    encoded = _whole(column).dictionary_encode()
    codes = np.asarray(_stored(encoded.indices), dtype=np.int32)
    if encoded.null_count:
        codes = np.where(_known(encoded), codes, np.int32(-1))
    return codes, tuple(encoded.dictionary.to_pylist())


def rows_at(positions: NDArray[np.int32]) -> Any:
    """Return positions as an Arrow array, for ``take``."""
    numbers = np.ascontiguousarray(positions, dtype=np.int32)
    return pa.Array.from_buffers(pa.int32(), len(numbers), [None, pa.py_buffer(numbers)])


def _whole(column: Any) -> Any:
    """Return the column in one piece, where it lies if it is in one already."""
    if isinstance(column, pa.ChunkedArray):
        if column.num_chunks == 1:
            return column.chunk(0)
        return column.combine_chunks()
    return column


def _stored(chunk: Any) -> NDArray[Any]:
    """Return the stored values; where a value is null, whatever happens to be stored."""
    data = chunk.buffers()[1]
    if not len(chunk):
        return np.empty(0)
    if pa.types.is_boolean(chunk.type):
        return _bits(data, chunk)
    if chunk.type not in _TYPES:
        raise TypeError(f"{chunk.type} is not read as an array")
    kind = _TYPES[chunk.type]
    return np.frombuffer(data, kind, len(chunk), chunk.offset * kind.itemsize)


def _known(chunk: Any) -> NDArray[np.bool_]:
    return _bits(chunk.buffers()[0], chunk)


def _bits(buffer: Any, chunk: Any) -> NDArray[np.bool_]:
    stop = chunk.offset + len(chunk)
    bits = np.unpackbits(np.frombuffer(buffer, np.uint8), count=stop, bitorder="little")
    return bits[chunk.offset :].view(np.bool_)
