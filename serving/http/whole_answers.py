"""The head of an answer goes out together with what follows it.

Uvicorn writes them one after the other: two calls of the system for each answer, two packets, and
a client that is woken for a head which is of no use to it yet.
"""

from __future__ import annotations

import asyncio
from typing import Final

# Followed by the head proper, for which the client may be waiting with its body.
_INTERIM: Final = b"HTTP/1.1 100"
# A longer body is not copied to go out with its head.
_MOST_JOINED_BYTES: Final = 64 * 1024


class WholeAnswers:
    """What the answers on one connection are written to, one after the other.

    The head waits for the first part of the body, for the end of an answer without one, or for
    the connection to be closed.
    """

    __slots__ = ("_head", "_is_begun", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._is_begun = False
        self._head = b""

    def write(self, data: bytes) -> None:
        """Write a part of the answer; the first one waits."""
        if self._is_begun:
            if self._head and len(data) <= _MOST_JOINED_BYTES:
                data, self._head = self._head + data, b""
            self._flush()
            self._transport.write(data)
        elif data.startswith(_INTERIM):
            self._transport.write(data)
        else:
            self._is_begun, self._head = True, data

    def end(self) -> None:
        """Write what waits: the answer is over."""
        self._flush()
        self._is_begun = False

    def _flush(self) -> None:
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head)

    def close(self) -> None:
        """Close the connection once all is written."""
        self._flush()
        self._transport.close()

    def is_closing(self) -> bool:
        """Tell whether the connection is being closed."""
        return self._transport.is_closing()
