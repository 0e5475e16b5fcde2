"""Limits on connections: how long the server waits for a client, and how much it keeps.

Uvicorn itself waits without limit for the rest of a request and for a client that does not read its
answer, and keeps headers of any size and any number of requests sent ahead. A single machine could
stop the server that way, without a key: limits on requests apply only later.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any, Final, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from serving.http.turns import Turns
from serving.http.whole_answers import WholeAnswers

ARRIVED: Final = "arrived"
"""Set in a request's state once its whole body is there: reading it needs no timer."""

_LOOK_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """What one worker grants its clients.

    Parameters
    ----------
    head_seconds
        For a request's first line and headers, from the connection or their first byte on.
    body_seconds
        For its body. Longer than :data:`serving.http.protection.BODY_SECONDS`, after which a
        request is refused in words.
    unread_seconds
        For taking some part of an answer.
    overhead_bytes
        Of a request beside its body: first line, headers, marks of chunks. What the last read
        brings may exceed it.
    requests_ahead
        Sent on one connection before the first of them is answered.
    connections
        Open at one time; fewer than the 1,024 files that a process usually may have open.
    """

    head_seconds: float = 10.0
    body_seconds: float = 15.0
    unread_seconds: float = 30.0
    overhead_bytes: int = 64 * 1024
    requests_ahead: int = 32
    connections: int = 800


def bounded_connections() -> type[BoundedProtocol]:
    """Return what uvicorn is to make the connections of one process with."""
    return cast(type[BoundedProtocol], partial(BoundedProtocol, turns=Turns()))


class BoundedProtocol(HttpToolsProtocol):
    """A connection that ends where its client goes beyond the limits.

    It answers 408 or 431 where nothing else is being answered. A new connection beyond the limit
    takes the place of the one that was silent longest, of those that wait for no answer.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        limits: ConnectionLimits = ConnectionLimits(),
        *,
        turns: Turns,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._limits = limits
        self._turns = turns
        self._last_answer = 0
        self._silent_since = 0.0
        # When what has begun must be there; None while nothing has.
        self._request_due: float | None = None
        # When some part of an answer must be taken; None while the client keeps up.
        self._unread_due: float | None = None
        self._unread_bytes = 0
        self._overhead = 0
        self._watch: asyncio.TimerHandle | None = None

    @property
    def waits_for_answer(self) -> bool:
        """Whether a request is being answered."""
        return self.cycle is not None and not self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, in another's place where there are too many."""
        self._silent_since = self.loop.time()
        has_room = len(self.connections) < self._limits.connections or self._make_room()
        super().connection_made(transport)
        self._answers = WholeAnswers(transport)
        if not has_room:
            transport.abort()
            return
        self._request_due = self._silent_since + self._limits.head_seconds
        self._watch = self.loop.call_later(self._look_again_seconds(), self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        if self._watch is not None:
            self._watch.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, and note since when something is being waited for."""
        self._silent_since = self.loop.time()
        if self._request_due is None:
            # Even of empty lines, which begin no request.
            self._request_due = self._silent_since + self._limits.head_seconds
        self._overhead += len(data)
        super().data_received(data)
        if self._overhead > self._limits.overhead_bytes and not self.transport.is_closing():
            self._end(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def on_message_begin(self) -> None:
        """Wait for the head from now on."""
        self._request_due = self._silent_since + self._limits.head_seconds
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Refuse a request sent too far ahead: the parser stops, and the connection ends."""
        if len(self.pipeline) >= self._limits.requests_ahead:
            raise ConnectionAbortedError("too many requests were sent ahead")
        self._request_due = self._silent_since + self._limits.body_seconds
        super().on_headers_complete()
        self.cycle.transport = cast(asyncio.Transport, self._answers)

    def on_body(self, body: bytes) -> None:
        """Read a part of the body, which has a limit of its own."""
        self._overhead -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Wait for nothing: the whole request is there."""
        self._request_due = None
        self._overhead = 0
        self.scope["state"][ARRIVED] = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Send the head of an answer that has no body, as those to HEAD, and go on."""
        self._answers.end()
        self._last_answer = self._turns.answered()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Note since when the client does not read."""
        self._unread_due = self.loop.time() + self._limits.unread_seconds
        super().pause_writing()

    def resume_writing(self) -> None:
        """Go on: the client read almost all."""
        self._unread_due = None
        super().resume_writing()

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self._turns.wait(self._last_answer, partial(super()._start_asgi_task, cycle, app))

    def _make_room(self) -> bool:
        """End the connection that was silent longest; False where all wait for an answer."""
        others = [each for each in self.connections if isinstance(each, BoundedProtocol)]
        idle = [each for each in others if not each.waits_for_answer]
        if not idle:
            return False
        longest = min(idle, key=lambda each: each._silent_since)
        # At once, so that the next newcomer does not find it again.
        self.connections.discard(longest)
        longest.transport.abort()
        return True

    def _look_again_seconds(self) -> float:
        # Limits of less than seconds, as in tests, are looked at more often.
        return min(_LOOK_SECONDS, self._limits.head_seconds / 20)

    def _look(self) -> None:
        """End the connection where its client is too late; look again otherwise."""
        now = self.loop.time()
        if self.transport.is_closing() and self._unread_due is None:
            # What is still to be read of the last answer.
            self._unread_due = now + self._limits.unread_seconds
        unread_bytes = self.transport.get_write_buffer_size()
        if self._unread_due is not None and unread_bytes < self._unread_bytes:
            # The transport says that it can write again only when almost all was taken.
            self._unread_due = now + self._limits.unread_seconds
        self._unread_bytes = unread_bytes
        if self._unread_due is not None and now >= self._unread_due:
            self.transport.abort()
        elif self._request_due is not None and now >= self._request_due:
            self._request_due = None
            if self._overhead:
                self._end(HTTPStatus.REQUEST_TIMEOUT)
            else:
                self.transport.close()
        self._watch = self.loop.call_later(self._look_again_seconds(), self._look)

    def _end(self, status: HTTPStatus) -> None:
        if self.waits_for_answer:
            self.transport.abort()
            return
        head = f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        self.transport.write(f"{head}content-length: 0\r\nconnection: close\r\n\r\n".encode())
        self.transport.close()
