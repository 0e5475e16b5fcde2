"""A map over several parts at once, in threads.

It pays where most of the time is spent outside of Python's lock: in sorting, sparse products and
trees. Each part should use one core: threads of threads would wait for each other.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

Part = TypeVar("Part")
Result = TypeVar("Result")

_AT_ONCE: Final = 4
"""More parts at a time would gain little more, and hold as much more memory."""


def parallel_map(function: Callable[[Part], Result], parts: Iterable[Part]) -> list[Result]:
    """Return what ``function`` makes of each part, in their order, whichever was done first."""
    waiting = list(parts)
    workers = min(_AT_ONCE, os.cpu_count() or 1, len(waiting))
    if workers <= 1:
        return [function(part) for part in waiting]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(function, waiting))
