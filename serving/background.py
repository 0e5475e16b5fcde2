"""Periodic work beside the answering of requests: an error ends one turn, never the work."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

import orjson

from serving.http.logs import error_fields

_LOG: Final = logging.getLogger("regulars.background")


async def repeat(what: str, turn: Callable[[], Awaitable[object]], pause_seconds: float) -> None:
    """Take one turn after the other, with a pause after each, until cancelled.

    A turn handles the errors that it expects. Any other is logged, once for as long as one turn
    after the other fails with the same kind of error, and the next turn is taken all the same.

    Parameters
    ----------
    what
        Names the work in the log.
    """
    failing = ""
    while True:
        try:
            await turn()
            failing = ""
        except Exception as error:  # noqa: BLE001 - the last resort: the work must go on
            kind = type(error).__name__
            if kind != failing:
                _LOG.error(orjson.dumps({"work": what} | error_fields(error)).decode())
            failing = kind
        await asyncio.sleep(pause_seconds)
