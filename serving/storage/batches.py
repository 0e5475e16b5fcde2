"""A long list in parts that one statement can name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, TypeVar

_T = TypeVar("_T")

# SQLite takes 32,766 values in one statement.
_AT_A_TIME: Final = 5_000


def batches(whole: Iterable[_T]) -> Iterator[tuple[_T, ...]]:
    """Yield the parts, in order; each of as many as are asked for, or written, at a time."""
    rest = iter(whole)
    while some := tuple(islice(rest, _AT_A_TIME)):
        yield some
