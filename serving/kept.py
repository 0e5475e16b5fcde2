"""Answers that follow from the bundle alone, kept: asked again, they are not worked out again.

A visit of ten pages asks ten times for the same shelf. What is kept holds for one view of one
bundle; whoever has done anything since is answered anew.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

Value = TypeVar("Value")

_MOST_BYTES: Final = 32 * 1024 * 1024
# What an entry takes beside its own bytes: key, dictionary, objects.
_OVERHEAD_BYTES: Final = 500


class Kept(Generic[Value]):
    """Values by what was asked; beyond ``most_bytes`` the longest unused are given up."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._values: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, asked: Hashable) -> Value | None:
        """Return what was kept for this, or None."""
        found = self._values.get(asked)
        if found is None:
            return None
        self._values.move_to_end(asked)
        return found[0]

    def put(self, asked: Hashable, value: Value, size_bytes: int) -> None:
        """Keep a value that nothing is kept for yet; it takes ``size_bytes`` itself."""
        size_bytes += _OVERHEAD_BYTES
        self._values[asked] = value, size_bytes
        self._bytes += size_bytes
        while self._bytes > self._most_bytes:
            _, (_, given_up) = self._values.popitem(last=False)
            self._bytes -= given_up

    def clear(self) -> None:
        """Keep nothing of what was."""
        self._values.clear()
        self._bytes = 0
