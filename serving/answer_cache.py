"""A cache of answers that follow from the bundle alone.

A visit of ten pages asks ten times for the same products. A cache belongs to one view of one
bundle, and is not used for shoppers who did anything since the bundle was made.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

Value = TypeVar("Value")

_MOST_BYTES: Final = 32 * 1024 * 1024
# What an entry takes beside the size of its value: key, dictionary, objects.
_OVERHEAD_BYTES: Final = 500
# The largest share of the cache that entries asked for twice or more may fill.
_REUSED_SHARE: Final = 0.8


class AnswerCache(Generic[Value]):
    """Values by request; beyond ``most_bytes`` the least recently used are dropped.

    Entries asked for once are dropped before those asked for again, which may fill four fifths of
    the cache: a crawler that reads every page does not displace what shoppers come back to.
    Source: segmented LRU (Karedla, Love & Wherry 1994, Caching strategies to improve disk system
    performance).
    """

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._once: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()
        self._again: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()
        self._bytes = self._bytes_again = 0

    def __len__(self) -> int:
        return len(self._once) + len(self._again)

    def get(self, asked: Hashable) -> Value | None:
        """Return the value for a request, or None."""
        found = self._again.get(asked)
        if found is not None:
            self._again.move_to_end(asked)
            return found[0]
        found = self._once.pop(asked, None)
        if found is None:
            return None
        self._again[asked] = found
        self._bytes_again += found[1]
        while self._bytes_again > self._most_bytes * _REUSED_SHARE:
            least_recent, entry = self._again.popitem(last=False)
            self._bytes_again -= entry[1]
            self._once[least_recent] = entry
        return found[0]

    def put(self, asked: Hashable, value: Value, size_bytes: int) -> None:
        """Keep a value of ``size_bytes`` for a request.

        Of equal requests answered side by side the first one's value stays.
        """
        if asked in self._once or asked in self._again:
            return
        size_bytes += _OVERHEAD_BYTES
        self._once[asked] = value, size_bytes
        self._bytes += size_bytes
        while self._bytes > self._most_bytes:
            _, (_, dropped_bytes) = self._once.popitem(last=False)
            self._bytes -= dropped_bytes

    def clear(self) -> None:
        """Drop every entry."""
        self._once.clear()
        self._again.clear()
        self._bytes = self._bytes_again = 0
