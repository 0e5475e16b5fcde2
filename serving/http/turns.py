"""Requests that arrive together are answered in turn: first whoever was answered longest ago.

Otherwise the kernel's order holds. It lists the connections with something to read, those that had
something at the last look first. Whoever sends a moment too late for one look is at the end of the
next list, is answered last, and is too late again: under load one connection waits twice as long as
the others for every answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from operator import itemgetter

_LAST_ANSWER = itemgetter(0)


class Turns:
    """Whose turn it is, among the connections of one process."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, Callable[[], None]]] = []
        self._answers = 0

    def answered(self) -> int:
        """Return the number of this answer: they are counted from 1, over all connections."""
        self._answers += 1
        return self._answers

    def wait(self, last_answer: int, begin: Callable[[], None]) -> None:
        """Begin to answer once all that arrived together is read.

        Parameters
        ----------
        last_answer
            The number of the connection's last answer; 0 before the first.
        """
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._begin_all)
        self._waiting.append((last_answer, begin))

    def _begin_all(self) -> None:
        waiting, self._waiting = self._waiting, []
        waiting.sort(key=_LAST_ANSWER)
        for _, begin in waiting:
            begin()
