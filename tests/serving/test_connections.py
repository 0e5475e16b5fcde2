"""Clients that send without end, or nothing, or do not read: the server does not wait for them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from serving.http.connections import BoundedProtocol, ConnectionLimits

SHORT: Final = ConnectionLimits(head_seconds=0.2, body_seconds=0.2, unread_seconds=0.2)
WHOLE: Final = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
# Far more than any time limit here: a client that waits for so long was not cut off.
PATIENCE_SECONDS: Final = 20.0

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bytes]]


async def greet(scope: Any, receive: Any, send: Any) -> None:
    """Read the body and answer; as much as the path says."""
    while (await receive()).get("more_body", False):
        pass
    body = b"x" * int(scope["path"].strip("/") or 2)
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def talk(
    limits: ConnectionLimits, *talks: Talk, app: Any = greet, state: ServerState | None = None
) -> list[bytes]:
    """Let clients talk to a server, each on a connection of its own; return what each tells."""

    async def play() -> list[bytes]:
        loop = asyncio.get_running_loop()
        config = Config(app, log_config=None, lifespan="off")
        shared = state or ServerState()
        server = await loop.create_server(
            lambda: BoundedProtocol(config, shared, {}, limits=limits), "127.0.0.1", 0
        )
        host, port = server.sockets[0].getsockname()[:2]
        connected = [await asyncio.open_connection(host, port, limit=2**20) for _ in talks]
        told = []
        for said, (reader, writer) in zip(talks, connected, strict=True):
            async with asyncio.timeout(PATIENCE_SECONDS):
                told.append(await said(reader, writer))
        for _, writer in connected:
            writer.close()
        server.close()
        return told

    return asyncio.run(play())


async def until_cut(reader: asyncio.StreamReader) -> bytes:
    """Read until the server ends the connection, by whatever means."""
    told = b""
    with suppress(ConnectionError):
        while part := await reader.read(65_536):
            told += part
    return told


def drips(first: bytes, drop: bytes) -> Talk:
    """Send something, then a drop now and then for as long as there is somebody to send to."""

    async def said(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        async def drip() -> None:
            writer.write(first)
            with suppress(ConnectionError):
                while not writer.is_closing():
                    writer.write(drop)
                    await writer.drain()
                    await asyncio.sleep(0.02)

        dripping = asyncio.create_task(drip())
        told = await until_cut(reader)
        dripping.cancel()
        return told

    return said


@pytest.mark.parametrize(
    ("first", "drop", "said"),
    [
        (b"GET / HTTP/1.1\r\nhost: x\r\n", b"x: y\r\n", b"408"),
        (b"GET /", b"a", b"408"),
        (b"", b"\r\n", b"408"),
        (WHOLE, b"\r\n", b"408"),
        (WHOLE, b"G", b"400"),
        (b"", b"", b""),
    ],
    ids=["headers", "path", "empty lines", "empty lines after one", "no method", "silence"],
)
def test_a_request_that_never_begins_or_ends_is_given_up(
    first: bytes, drop: bytes, said: bytes
) -> None:
    (told,) = talk(SHORT, drips(first, drop))
    assert said in told


def test_a_body_that_never_ends_is_given_up_even_where_nobody_reads_it() -> None:
    async def refuse(_scope: Any, _receive: Any, send: Any) -> None:
        headers = [(b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 401, "headers": headers})
        await send({"type": "http.response.body"})

    head = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    (answered,) = talk(SHORT, drips(head, b"1\r\nx\r\n"), app=refuse)
    assert b"401" in answered
    (unanswered,) = talk(SHORT, drips(head, b"1\r\nx\r\n"))
    assert unanswered == b""


@pytest.mark.parametrize(
    ("first", "drop"),
    [
        (b"GET / HTTP/1.1\r\nhost: x\r\n", b"x: " + b"y" * 1_000 + b"\r\n"),
        (b"GET / HTTP/1.1\r\nhost: x\r\nx: ", b"y" * 1_000),
        (b"GET /?", b"y" * 1_000),
        (b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1;", b"y" * 1_000),
        (
            b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n",
            b"x: " + b"y" * 1_000 + b"\r\n",
        ),
    ],
    ids=["headers", "one header", "query", "marks of chunks", "trailers"],
)
def test_what_comes_beside_the_body_has_a_limit(first: bytes, drop: bytes) -> None:
    (told,) = talk(ConnectionLimits(overhead_bytes=20_000), drips(first, drop))
    assert told == b"" or b"431 Request Header Fields Too Large" in told


def test_a_body_does_not_count_as_what_comes_beside_it() -> None:
    async def said(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(
            b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 500000\r\n\r\n" + b"x" * 500_000
        )
        writer.write(WHOLE)
        first = await reader.readuntil(b"\r\n\r\nxx")
        return first + await reader.readuntil(b"\r\n\r\nxx")

    (told,) = talk(ConnectionLimits(overhead_bytes=1_000), said)
    assert told.count(b"200 OK") == 2


@pytest.mark.parametrize("ahead", [3, 40])
def test_requests_are_sent_ahead_within_a_limit(ahead: int) -> None:
    async def said(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(WHOLE * ahead + b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        return await until_cut(reader)

    (told,) = talk(ConnectionLimits(requests_ahead=10), said)
    assert (told.count(b"200 OK") == ahead + 1) == (ahead < 10)
    assert (b"400 Bad Request" in told) == (ahead > 10)


def test_who_does_not_read_an_answer_is_cut_off() -> None:
    state = ServerState()

    async def said(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        # More than asyncio and the machine take without being read.
        writer.write(b"GET /30000000 HTTP/1.1\r\nhost: x\r\n\r\n" * 2)
        while not state.total_requests:
            await asyncio.sleep(0.01)
        while state.connections or state.tasks:
            await asyncio.sleep(0.01)
        return b""

    assert talk(SHORT, said, state=state) == [b""]


def test_who_reads_slowly_gets_the_whole_answer() -> None:
    async def said(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"GET /12000000 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        told = bytearray()
        while part := await reader.read(1_000_000):
            told += part
            await asyncio.sleep(0.03)
        return bytes(told)

    (told,) = talk(ConnectionLimits(head_seconds=0.2, body_seconds=0.2, unread_seconds=2), said)
    assert told.endswith(b"x" * 12_000_000)


class ManualLoop:
    """A loop whose time passes when it is told to."""

    def __init__(self) -> None:
        self._now = 0.0
        self._timers: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self._now

    def call_later(self, seconds: float, callback: Callable[[], None]) -> None:
        self._timers.append((self._now + seconds, callback))

    def wait(self, seconds: float) -> None:
        until = self._now + seconds
        while self._timers and min(due for due, _ in self._timers) <= until:
            next_one = min(self._timers, key=lambda timer: timer[0])
            self._timers.remove(next_one)
            self._now, callback = next_one
            callback()
        self._now = until


class UnreadTransport:
    """A transport whose client reads what the test says."""

    def __init__(self, unread_bytes: int) -> None:
        self.unread_bytes = unread_bytes
        self.is_cut_off = False

    def get_write_buffer_size(self) -> int:
        return self.unread_bytes

    def get_extra_info(self, _name: str) -> None:
        return None

    def is_closing(self) -> bool:
        return self.is_cut_off

    def abort(self) -> None:
        self.is_cut_off = True


def test_a_large_answer_may_take_long_to_read_while_some_part_of_it_is_taken_in_time() -> None:
    loop: Any = ManualLoop()
    transport: Any = UnreadTransport(1_000_000)
    config = Config(greet, log_config=None, lifespan="off")
    limits = ConnectionLimits(head_seconds=3_600, unread_seconds=30)
    protocol = BoundedProtocol(config, ServerState(), {}, loop, limits)
    protocol.connection_made(transport)
    protocol.pause_writing()
    for _ in range(10):
        loop.wait(20)
        transport.unread_bytes -= 1
    assert not transport.is_cut_off
    loop.wait(40)
    assert transport.is_cut_off


def test_a_newcomer_takes_the_place_of_the_one_that_was_silent_longest() -> None:
    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> bytes:
        return await until_cut(reader)

    async def asks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(WHOLE)
        return await reader.readuntil(b"\r\n\r\nxx")

    two = ConnectionLimits(connections=2)
    told = talk(two, silent, asks, asks)
    assert told[0] == b""
    assert all(b"200 OK" in each for each in told[1:])


def test_a_newcomer_is_turned_away_where_all_are_being_answered() -> None:
    begun, let_go = asyncio.Event(), asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        begun.set()
        await let_go.wait()
        await greet(scope, receive, send)

    async def said(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(WHOLE)
        await begun.wait()
        newcomer, its_writer = await asyncio.open_connection(*writer.get_extra_info("peername"))
        assert await until_cut(newcomer) == b""
        its_writer.close()
        let_go.set()
        return await reader.readuntil(b"\r\n\r\nxx")

    (told,) = talk(ConnectionLimits(connections=1), said, app=slow)
    assert b"200 OK" in told
