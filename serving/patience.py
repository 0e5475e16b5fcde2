"""Ask what may be slow without waiting long for it, and not once for each who wants to know."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from serving.storage.store import StoreError


class SharedQuestion:
    """One question to the store at a time, and nobody waits for its answer beyond a limit.

    Whoever comes while a question is under way may not trust its answer, which may be older than
    what they must know: they share the next one. While a question hangs, nobody waits at all.

    Parameters
    ----------
    ask
        Asks once and keeps what it learns; ``StoreError`` when the store fails.
    patience_seconds
        The longest that anybody waits.
    seconds
        A clock that only goes forward.
    """

    def __init__(
        self,
        ask: Callable[[], Awaitable[None]],
        patience_seconds: float,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = ask
        self._patience_seconds = patience_seconds
        self._seconds = seconds
        self._under_way: asyncio.Task[StoreError | None] | None = None
        self._began = 0.0
        self._next: asyncio.Task[StoreError | None] | None = None

    async def answered(self) -> bool:
        """Tell whether a question that began after this call was answered in time.

        Raises
        ------
        StoreError
            The store said that it cannot answer.
        """
        hangs = self._seconds() - self._began > self._patience_seconds
        if self._under_way is not None and hangs:
            return False
        if self._next is None:
            self._next = asyncio.create_task(self._ask_after(self._under_way))
        question = self._next
        await asyncio.wait({question}, timeout=self._patience_seconds)
        if not question.done():
            return False
        if (error := question.result()) is not None:
            raise error
        return True

    async def _ask_after(self, before: asyncio.Task[StoreError | None] | None) -> StoreError | None:
        if before is not None:
            await asyncio.wait({before})
        self._under_way, self._next = self._next, None
        self._began = self._seconds()
        try:
            await self._ask()
        except StoreError as error:
            # Returned, not raised: those who asked may all have stopped waiting.
            return error
        finally:
            self._under_way = None
        return None
