"""How long-running work reports its progress, whatever displays it."""

from __future__ import annotations

from collections.abc import Callable

Tick = Callable[[], None]
"""Called once for each unit of work done."""

Progress = Callable[[str, int], Tick]
"""Called with a phrase and the number of units at the start of each stage."""


def silent(_phrase: str, _total: int) -> Tick:
    """Report nothing."""
    return lambda: None
