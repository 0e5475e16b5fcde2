"""A call to the store that many wait for: made once for all of them, and with a time limit."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

import orjson

from serving.http.logs import error_fields
from serving.storage.store import StoreError

_LOG: Final = logging.getLogger("regulars.store")


class SharedCall:
    """Makes one call at a time; nobody waits for its end beyond a limit.

    Whoever comes while a call is running cannot use its result, which may be older than their
    request: they share the next call. While a call takes longer than the limit, nobody waits.

    Parameters
    ----------
    call
        Reads from the store and keeps what it read; ``StoreError`` when the store fails. Any
        other error is logged, and counts as such a failure.
    timeout_seconds
        The longest that anybody waits.
    seconds
        A monotonic clock.
    """

    def __init__(
        self,
        call: Callable[[], Awaitable[None]],
        timeout_seconds: float,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._call = call
        self._patience_seconds = timeout_seconds
        self._seconds = seconds
        self._running: asyncio.Task[StoreError | None] | None = None
        self._began = 0.0
        self._next: asyncio.Task[StoreError | None] | None = None
        self._fault: type[Exception] | None = None

    async def answered(self) -> bool:
        """Return whether a call that began after this moment ended in time.

        Raises
        ------
        StoreError
            The store failed.
        """
        hangs = self._seconds() - self._began > self._patience_seconds
        if self._running is not None and hangs:
            return False
        if self._next is None:
            self._next = asyncio.create_task(self._call_after(self._running))
        following = self._next
        await asyncio.wait({following}, timeout=self._patience_seconds)
        if not following.done():
            return False
        if (error := following.result()) is not None:
            raise error
        return True

    async def _call_after(
        self, before: asyncio.Task[StoreError | None] | None
    ) -> StoreError | None:
        if before is not None:
            await asyncio.wait({before})
        self._running, self._next = self._next, None
        self._began = self._seconds()
        try:
            await self._call()
            self._fault = None
        except StoreError as error:
            # Returned, not raised: perhaps nobody waits for this call any more.
            return error
        except Exception as error:  # noqa: BLE001 - every request would fail with it
            if type(error) is not self._fault:
                # Once: it is called again by the next request.
                _LOG.error(orjson.dumps(error_fields(error)).decode())
            self._fault = type(error)
            return StoreError(
                "what the event store said could not be read",
                "Look up the error in the server's log, and report it.",
            )
        finally:
            self._running = None
        return None
