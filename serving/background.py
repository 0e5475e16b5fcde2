"""What a server does beside answering, again and again: a fault ends one turn, never the work."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable
from typing import Final

import orjson

_LOG: Final = logging.getLogger("regulars.background")


async def repeat(what: str, turn: Callable[[], Awaitable[object]], pause_seconds: float) -> None:
    """Take one turn after the other, with a pause after each, until cancelled.

    What is foreseen to fail is a turn's own affair. Any other fault is logged, once as long as
    turn after turn fails the same way, and the next turn is taken all the same.

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
                _log_error(what, error)
            failing = kind
        await asyncio.sleep(pause_seconds)


def _log_error(what: str, error: Exception) -> None:
    # Where it happened and its kind, not its message: that may quote what shoppers did.
    line = {
        "work": what,
        "error": type(error).__name__,
        "traceback": traceback.format_tb(error.__traceback__),
    }
    _LOG.error(orjson.dumps(line).decode())
