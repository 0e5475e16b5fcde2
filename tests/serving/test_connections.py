"""The server does not wait for clients that send without end, send nothing, or do not read."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from serving.http.connections import BoundedProtocol, ConnectionLimits
from serving.http.turns import Turns

SHORT: Final = ConnectionLimits(head_seconds=0.2, body_seconds=0.2, unread_seconds=0.2)
REQUEST: Final = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
# Far longer than any limit here: a client that waits for so long was not cut off.
PATIENCE_SECONDS: Final = 20.0

Client = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bytes]]


async def answer(scope: Any, receive: Any, send: Any) -> None:
    """Read the body and answer with as many bytes as the path says, by default 2."""
    while (await receive()).get("more_body", False):
        pass
    body = b"x" * int(scope["path"].strip("/") or 2)
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def run_clients(
    limits: ConnectionLimits, *clients: Client, app: Any = answer, state: ServerState | None = None
) -> list[bytes]:
    """Run clients, each on a connection of its own; return what each of them returns."""

    async def run() -> list[bytes]:
        loop = asyncio.get_running_loop()
        config = Config(app, log_config=None, lifespan="off")
        shared, turns = state or ServerState(), Turns()
        server = await loop.create_server(
            lambda: BoundedProtocol(config, shared, {}, limits=limits, turns=turns), "127.0.0.1", 0
        )
        host, port = server.sockets[0].getsockname()[:2]
        streams = [await asyncio.open_connection(host, port, limit=2**20) for _ in clients]
        received = []
        for client, (reader, writer) in zip(clients, streams, strict=True):
            async with asyncio.timeout(PATIENCE_SECONDS):
                received.append(await client(reader, writer))
        for _, writer in streams:
            writer.close()
        server.close()
        return received

    return asyncio.run(run())


async def read_until_closed(reader: asyncio.StreamReader) -> bytes:
    """Read until the server closes or resets the connection."""
    received = b""
    with suppress(ConnectionError):
        while part := await reader.read(65_536):
            received += part
    return received


def drips(first: bytes, drop: bytes) -> Client:
    """Send something, then a few bytes now and then until the connection closes."""

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        async def drip() -> None:
            writer.write(first)
            with suppress(ConnectionError):
                while not writer.is_closing():
                    writer.write(drop)
                    await writer.drain()
                    await asyncio.sleep(0.02)

        dripping = asyncio.create_task(drip())
        received = await read_until_closed(reader)
        dripping.cancel()
        return received

    return client


@pytest.mark.parametrize(
    ("first", "drop", "expected"),
    [
        (b"GET / HTTP/1.1\r\nhost: x\r\n", b"x: y\r\n", b"408"),
        (b"GET /", b"a", b"408"),
        (b"", b"\r\n", b"408"),
        (REQUEST, b"\r\n", b"408"),
        (REQUEST, b"G", b"400"),
        (b"", b"", b""),
    ],
    ids=["headers", "path", "empty lines", "empty lines after one", "no method", "silence"],
)
def test_a_request_that_never_begins_or_ends_is_cut_off(
    first: bytes, drop: bytes, expected: bytes
) -> None:
    (received,) = run_clients(SHORT, drips(first, drop))
    assert expected in received


def test_a_body_that_never_ends_is_cut_off_even_if_the_application_ignores_it() -> None:
    async def refuse(_scope: Any, _receive: Any, send: Any) -> None:
        headers = [(b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 401, "headers": headers})
        await send({"type": "http.response.body"})

    head = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    (answered,) = run_clients(SHORT, drips(head, b"1\r\nx\r\n"), app=refuse)
    assert b"401" in answered
    (unanswered,) = run_clients(SHORT, drips(head, b"1\r\nx\r\n"))
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
def test_bytes_outside_the_body_are_limited(first: bytes, drop: bytes) -> None:
    (received,) = run_clients(ConnectionLimits(overhead_bytes=20_000), drips(first, drop))
    assert received == b"" or b"431 Request Header Fields Too Large" in received


def test_the_body_does_not_count_towards_that_limit() -> None:
    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(
            b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 500000\r\n\r\n" + b"x" * 500_000
        )
        writer.write(REQUEST)
        first = await reader.readuntil(b"\r\n\r\nxx")
        return first + await reader.readuntil(b"\r\n\r\nxx")

    (received,) = run_clients(ConnectionLimits(overhead_bytes=1_000), client)
    assert received.count(b"200 OK") == 2


@pytest.mark.parametrize("ahead", [3, 40])
def test_pipelined_requests_are_limited(ahead: int) -> None:
    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(REQUEST * ahead + b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        return await read_until_closed(reader)

    (received,) = run_clients(ConnectionLimits(requests_ahead=10), client)
    assert (received.count(b"200 OK") == ahead + 1) == (ahead < 10)
    assert (b"400 Bad Request" in received) == (ahead > 10)


def test_a_client_that_does_not_read_its_answer_is_cut_off() -> None:
    state = ServerState()

    async def client(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        # More than asyncio and the machine take without being read.
        writer.write(b"GET /30000000 HTTP/1.1\r\nhost: x\r\n\r\n" * 2)
        while not state.total_requests:
            await asyncio.sleep(0.01)
        while state.connections or state.tasks:
            await asyncio.sleep(0.01)
        return b""

    assert run_clients(SHORT, client, state=state) == [b""]


def test_a_client_that_reads_slowly_gets_the_whole_answer() -> None:
    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"GET /12000000 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        received = bytearray()
        while part := await reader.read(1_000_000):
            received += part
            await asyncio.sleep(0.03)
        return bytes(received)

    (received,) = run_clients(
        ConnectionLimits(head_seconds=0.2, body_seconds=0.2, unread_seconds=2), client
    )
    assert received.endswith(b"x" * 12_000_000)


class ManualLoop:
    """A loop whose time passes only when the test says so."""

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


def test_a_large_answer_may_take_long_as_long_as_some_of_it_is_read_in_time() -> None:
    loop: Any = ManualLoop()
    transport: Any = UnreadTransport(1_000_000)
    config = Config(answer, log_config=None, lifespan="off")
    limits = ConnectionLimits(head_seconds=3_600, unread_seconds=30)
    protocol = BoundedProtocol(config, ServerState(), {}, loop, limits, turns=Turns())
    protocol.connection_made(transport)
    protocol.pause_writing()
    for _ in range(10):
        loop.wait(20)
        transport.unread_bytes -= 1
    assert not transport.is_cut_off
    loop.wait(40)
    assert transport.is_cut_off


def test_a_new_connection_replaces_the_one_that_was_idle_longest() -> None:
    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> bytes:
        return await read_until_closed(reader)

    async def asks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(REQUEST)
        return await reader.readuntil(b"\r\n\r\nxx")

    two = ConnectionLimits(connections=2)
    received = run_clients(two, silent, asks, asks)
    assert received[0] == b""
    assert all(b"200 OK" in each for each in received[1:])


def test_a_new_connection_is_refused_while_all_others_are_being_answered() -> None:
    begun, let_go = asyncio.Event(), asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        begun.set()
        await let_go.wait()
        await answer(scope, receive, send)

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(REQUEST)
        await begun.wait()
        other, its_writer = await asyncio.open_connection(*writer.get_extra_info("peername"))
        assert await read_until_closed(other) == b""
        its_writer.close()
        let_go.set()
        return await reader.readuntil(b"\r\n\r\nxx")

    (received,) = run_clients(ConnectionLimits(connections=1), client, app=slow)
    assert b"200 OK" in received


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
def test_the_head_of_an_answer_goes_out_with_its_body(method: bytes) -> None:
    class Recording(UnreadTransport):
        """A transport that keeps what is written."""

        def __init__(self) -> None:
            super().__init__(0)
            self.written: list[bytes] = []

        def write(self, data: bytes) -> None:
            self.written.append(data)

        def pause_reading(self) -> None:
            pass

        def resume_reading(self) -> None:
            pass

    async def run() -> list[bytes]:
        transport: Any = Recording()
        config, state = Config(answer, log_config=None, lifespan="off"), ServerState()
        protocol = BoundedProtocol(config, state, {}, turns=Turns())
        protocol.connection_made(transport)
        # The second is sent ahead: while it waits, the first one's head is the one to go out.
        protocol.data_received(REQUEST.replace(b"GET", method) * 2)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while state.total_requests < 2:
                await asyncio.sleep(0)
        protocol.connection_lost(ConnectionError())
        return list(transport.written)

    body = b"xx" if method == b"GET" else b""
    written = asyncio.run(run())
    assert len(written) == 2
    assert all(each.startswith(b"HTTP/1.1 200 OK\r\n") for each in written)
    assert all(each.endswith(b"\r\n\r\n" + body) for each in written)


def test_a_client_that_waits_to_be_asked_for_its_body_is_asked() -> None:
    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        head = b"POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n"
        writer.write(head + b"content-length: 1\r\n\r\n")
        asked = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"x")
        return asked + await reader.readuntil(b"\r\n\r\nxx")

    (received,) = run_clients(ConnectionLimits(), client)
    assert received.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


def test_an_answer_that_is_cut_short_is_not_ended() -> None:
    async def breaks_off(_scope: Any, _receive: Any, send: Any) -> None:
        headers = [(b"content-length", b"5")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        raise ConnectionAbortedError

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(REQUEST)
        return await read_until_closed(reader)

    (received,) = run_clients(ConnectionLimits(), client, app=breaks_off)
    assert received.startswith(b"HTTP/1.1 200 OK\r\n")
    assert received.endswith(b"\r\n\r\n")
