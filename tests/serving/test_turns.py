"""Who is answered first, of those whose requests arrive together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from uvicorn.config import Config
from uvicorn.server import ServerState

from serving.http.connections import BoundedProtocol
from serving.http.turns import Turns

Arrive = Callable[[str], Awaitable[str]]


class Named:
    """A client's end of a connection: it notes when it is answered."""

    def __init__(self, name: str, answered: list[str]) -> None:
        self._name, self._answered = name, answered

    def write(self, _data: bytes) -> None:
        self._answered.append(self._name)

    def get_extra_info(self, _name: str) -> None:
        return None

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


async def answer(_scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def order_of_answers(clients: str, scene: Callable[[Arrive], Awaitable[None]]) -> None:
    """Play a scene in which requests arrive together, of clients called by one letter each."""

    async def play() -> None:
        config, state, turns = (
            Config(answer, log_config=None, lifespan="off"),
            ServerState(),
            Turns(),
        )
        answered: list[str] = []
        protocols: dict[str, BoundedProtocol] = {}
        for name in clients:
            protocols[name] = BoundedProtocol(config, state, {}, turns=turns)
            protocols[name].connection_made(Named(name, answered))  # type: ignore[arg-type]

        async def arrive(names: str) -> str:
            answered.clear()
            for name in names:
                protocols[name].data_received(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            async with asyncio.timeout(10):
                while len(answered) < len(names):
                    await asyncio.sleep(0)
            return "".join(answered)

        await scene(arrive)
        for protocol in protocols.values():
            protocol.connection_lost(ConnectionError())

    asyncio.run(play())


def test_whoever_came_too_late_for_one_look_is_first_at_the_next() -> None:
    async def scene(arrive: Arrive) -> None:
        assert await arrive("abcd") == "abcd"
        # The last to be answered has not sent again yet, and the kernel lists it last.
        assert await arrive("abc") == "abc"
        assert await arrive("abcd") == "dabc"
        assert await arrive("abcd") == "dabc"

    order_of_answers("abcd", scene)


def test_a_newcomer_waits_for_nobody_who_came_with_it() -> None:
    async def scene(arrive: Arrive) -> None:
        assert await arrive("ab") == "ab"
        assert await arrive("abc") == "cab"

    order_of_answers("abc", scene)


def test_who_sends_ahead_gets_one_answer_in_each_turn() -> None:
    async def scene(arrive: Arrive) -> None:
        assert await arrive("aaabb") == "ababa"

    order_of_answers("ab", scene)
