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
# The share of the room that is for what was asked for again.
_OF_AGAIN: Final = 0.8


class Kept(Generic[Value]):
    """Values by what was asked; beyond ``most_bytes`` the longest unused are given up.

    What was asked for once gives way before what was asked for again, which may fill four fifths
    of the room: a reader of every page does not drive out what shoppers come back to. Source:
    segmented LRU (Karedla, Love & Wherry 1994, Caching strategies to improve disk performance).
    """

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._once: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()
        self._again: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()
        self._bytes = self._bytes_again = 0

    def __len__(self) -> int:
        return len(self._once) + len(self._again)

    def get(self, asked: Hashable) -> Value | None:
        """Return what was kept for this, or None."""
        found = self._again.get(asked)
        if found is not None:
            self._again.move_to_end(asked)
            return found[0]
        found = self._once.pop(asked, None)
        if found is None:
            return None
        self._again[asked] = found
        self._bytes_again += found[1]
        while self._bytes_again > self._most_bytes * _OF_AGAIN:
            unused, kept = self._again.popitem(last=False)
            self._bytes_again -= kept[1]
            self._once[unused] = kept
        return found[0]

    def put(self, asked: Hashable, value: Value, size_bytes: int) -> None:
        """Keep a value that nothing is kept for yet; it takes ``size_bytes`` itself."""
        size_bytes += _OVERHEAD_BYTES
        self._once[asked] = value, size_bytes
        self._bytes += size_bytes
        while self._bytes > self._most_bytes:
            _, (_, given_up) = self._once.popitem(last=False)
            self._bytes -= given_up

    def clear(self) -> None:
        """Keep nothing of what was."""
        self._once.clear()
        self._again.clear()
        self._bytes = self._bytes_again = 0
