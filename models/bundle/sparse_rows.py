"""Compressed sparse rows with several named values per entry, ready for memory mapping."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from struct import Struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.errors import BundleError

_ROWS_AT_ONCE = 4_096
_COLUMN_BYTES = 4
_as_bytes = Struct("=i").pack
_REMEDY = "Export the bundle again with `regulars bundles publish`; report it if that fails too."


@dataclass(frozen=True, eq=False)
class SparseRows:
    """A matrix kept row by row: entry ``k`` of row ``i`` is column ``indices[indptr[i] + k]``.

    Parameters
    ----------
    indptr
        ``int64``, shape ``(rows + 1,)``: where each row begins in ``indices``.
    indices
        ``int32``, shape ``(entries,)``: column numbers, in the row's own order of preference.
    values
        Named ``float32`` or ``int32`` arrays of shape ``(entries,)``.
    """

    indptr: NDArray[np.int64]
    indices: NDArray[np.int32]
    values: Mapping[str, NDArray[Any]]

    @classmethod
    def from_rows(
        cls, rows: Sequence[Mapping[int, tuple[float, ...]]], values: Mapping[str, type[np.generic]]
    ) -> SparseRows:
        """Build from one ``{column: (value, ...)}`` per row; ``values`` names and types them."""
        indptr = np.zeros(len(rows) + 1, dtype=np.int64)
        np.cumsum([len(row) for row in rows], out=indptr[1:])
        entries = [entry for row in rows for entry in row.values()]
        return cls(
            indptr,
            np.array([column for row in rows for column in row], dtype=np.int32),
            {
                name: np.array([entry[k] for entry in entries], dtype=dtype)
                for k, (name, dtype) in enumerate(values.items())
            },
        )

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.indptr) - 1

    def span(self, row: int) -> slice:
        """Return where the row's entries lie in ``indices`` and in each of ``values``."""
        return slice(self._bounds[row], self._bounds[row + 1])

    def places(self, row: int, columns: Iterable[int]) -> list[tuple[int, int]]:
        """Return the columns that a row names, in the order given, each with its entry's place.

        That is its index in ``indices`` and in each of ``values``. Bytes are searched: to make
        Python's numbers of a whole row, or to ask numpy for each column, takes several times as
        long.
        """
        start, stop = self._bounds[row], self._bounds[row + 1]
        within = self._column_bytes[start * _COLUMN_BYTES : stop * _COLUMN_BYTES].tobytes()
        named = []
        for column in columns:
            found = _find(within, _as_bytes(column))
            if found >= 0:
                named.append((column, start + found // _COLUMN_BYTES))
        return named

    def place(self, row: int, column: int) -> int:
        """Return the place of one column's entry in a row, -1 where the row does not name it."""
        start, stop = self._bounds[row], self._bounds[row + 1]
        within = self._column_bytes[start * _COLUMN_BYTES : stop * _COLUMN_BYTES].tobytes()
        found = _find(within, _as_bytes(column))
        return start + found // _COLUMN_BYTES if found >= 0 else -1

    @cached_property
    def _bounds(self) -> memoryview:
        # Numbers come out of a view as Python's own, and sooner than out of an array.
        return self.indptr.data

    @cached_property
    def _column_bytes(self) -> memoryview:
        return self.indices.view(np.uint8).data

    def take(self, rows: NDArray[np.int64]) -> SparseRows:
        """Return some rows, in the order given."""
        lengths = np.diff(self.indptr)[rows]
        indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        # Entry k of a row is k after the row's first.
        entries = np.repeat(self.indptr[rows] - indptr[:-1], lengths) + np.arange(indptr[-1])
        values = {name: array[entries] for name, array in self.values.items()}
        return SparseRows(indptr, self.indices[entries], values)

    def save(self, folder: Path, name: str) -> None:
        """Write ``<name>.indptr.npy``, ``<name>.indices.npy`` and one file per value."""
        arrays = {"indptr": self.indptr, "indices": self.indices, **self.values}
        for part, array in arrays.items():
            np.save(folder / f"{name}.{part}.npy", np.ascontiguousarray(array), allow_pickle=False)

    @classmethod
    def open(cls, folder: Path, name: str, values: Sequence[str]) -> SparseRows:
        """Map what :meth:`save` wrote into memory, read-only."""
        indptr, indices, *columns = (
            map_array(folder / f"{name}.{part}.npy") for part in ("indptr", "indices", *values)
        )
        return cls(indptr, indices, dict(zip(values, columns, strict=True)))


def _find(within: bytes, sought: bytes) -> int:
    """Return where a column begins in a row's bytes, -1 where it is not there."""
    found = within.find(sought)
    # The end of one number and the beginning of the next may look like a third.
    while found >= 0 and found % _COLUMN_BYTES:
        found = within.find(sought, found + 1)
    return found


def check_lengths(name: str, matrix: SparseRows, rows: int) -> None:
    """Refuse a matrix of another height, or whose arrays disagree; constant time.

    Raises
    ------
    BundleError
        Naming the matrix and what disagrees.
    """
    if matrix.rows != rows:
        raise BundleError(f"{name} has {matrix.rows} rows where {rows} belong", _REMEDY)
    if matrix.indptr[0] != 0 or matrix.indptr[-1] != len(matrix.indices):
        raise BundleError(f"{name}: row pointers do not span its entries", _REMEDY)
    for value, array in matrix.values.items():
        if len(array) != len(matrix.indices):
            raise BundleError(f"{name}.{value} is not as long as {name}.indices", _REMEDY)


def check_entries(name: str, matrix: SparseRows, columns: int) -> None:
    """Refuse wrong types, columns out of range or twice in a row, and values not finite.

    Raises
    ------
    BundleError
        Naming the matrix and what is wrong with it.
    """
    if matrix.indptr.dtype != np.int64 or matrix.indices.dtype != np.int32:
        raise BundleError(f"{name}: indptr must be int64 and indices int32", _REMEDY)
    if np.any(np.diff(matrix.indptr) < 0):
        raise BundleError(f"{name}: row pointers run backwards", _REMEDY)
    if len(matrix.indices) and not (0 <= matrix.indices.min() <= matrix.indices.max() < columns):
        raise BundleError(f"{name} refers to a column outside 0..{columns - 1}", _REMEDY)
    for value, array in matrix.values.items():
        if array.dtype not in (np.dtype(np.float32), np.dtype(np.int32)):
            raise BundleError(
                f"{name}.{value} must be float32 or int32, not {array.dtype}", _REMEDY
            )
        if not np.isfinite(array).all():
            raise BundleError(f"{name}.{value} holds a value that is not finite", _REMEDY)
    # Some thousand rows at a time: sorting all entries at once would take gigabytes.
    for first in range(0, matrix.rows, _ROWS_AT_ONCE):
        pointers = matrix.indptr[first : first + _ROWS_AT_ONCE + 1]
        row_of_entry = np.repeat(np.arange(len(pointers) - 1), np.diff(pointers))
        entries = matrix.indices[pointers[0] : pointers[-1]]
        places = np.sort(row_of_entry * columns + entries)
        if (places[1:] == places[:-1]).any():
            raise BundleError(f"{name} names a column twice in one row", _REMEDY)


def check_descending(name: str, matrix: SparseRows, value: str) -> None:
    """Refuse rows that are not sorted by ``value``, largest first.

    Raises
    ------
    BundleError
        Naming the matrix and the value.
    """
    rises = np.diff(matrix.values[value]) > 0
    starts = matrix.indptr[1:-1]
    rises[starts[(starts > 0) & (starts < len(matrix.indices))] - 1] = False
    if rises.any():
        raise BundleError(f"{name} is not sorted by {value}, largest first", _REMEDY)


def map_array(path: Path) -> NDArray[Any]:
    """Map an array into memory, read-only."""
    # A plain view: slicing the memmap subclass costs more than the arithmetic on the slice.
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
