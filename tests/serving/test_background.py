"""Work beside the answers: a fault ends one turn, is told once without its words, and no more."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from serving.background import repeat


def turns(*faults: Exception | None) -> tuple[Callable[[], Awaitable[None]], asyncio.Event]:
    """Return a turn that fails as told, time after time, and what is set when all have."""
    left, done = list(faults), asyncio.Event()

    async def turn() -> None:
        if not left:
            done.set()
        elif (fault := left.pop(0)) is not None:
            raise fault

    return turn, done


def told(caplog: pytest.LogCaptureFixture, *faults: Exception | None) -> list[str]:
    """Let turns fail one after the other; return what was logged until one after the last."""

    async def scene() -> None:
        turn, done = turns(*faults)
        work = asyncio.create_task(repeat("counting", turn, 0.0))
        async with asyncio.timeout(5):
            await done.wait()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    with caplog.at_level(logging.INFO, logger="regulars.background"):
        asyncio.run(scene())
    return [record.getMessage() for record in caplog.records]


def test_a_fault_ends_one_turn_and_is_logged_by_its_kind_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    (line,) = told(caplog, None, ValueError("ada@example.org bought p3"))
    assert '"work":"counting"' in line
    assert '"error":"ValueError"' in line
    assert "test_background.py" in line, "where it happened"
    assert "ada" not in line


def test_a_repeated_fault_is_logged_once_until_it_is_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    lines = told(caplog, KeyError(), KeyError(), OSError(), OSError(), None, OSError())
    kinds = [line.split('"error":"')[1].split('"')[0] for line in lines]
    assert kinds == ["KeyError", "OSError", "OSError"]
