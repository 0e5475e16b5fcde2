"""As much of HTTP/1.1 as a load generator needs: requests written out, the end of an answer."""

from __future__ import annotations

from typing import Final

import orjson

_HEAD_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"\r\ncontent-length:"
_CHUNKED: Final = b"\r\ntransfer-encoding: chunked"
_LAST_CHUNK: Final = b"\r\n0\r\n\r\n"


def get(path: str) -> bytes:
    """Write a GET request."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def post(path: str, body: object) -> bytes:
    """Write a POST request of JSON."""
    written = orjson.dumps(body)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(written)}\r\n\r\n"
    )
    return head.encode() + written


def answer_end(received: bytes) -> int | None:
    """Return where the first answer ends, or None as long as it is not there whole.

    Without a length and without chunks an answer is taken to end with its head.
    """
    head_end = received.find(_HEAD_END)
    if head_end < 0:
        return None
    # With the line break before the next line: a header's name must be found at its beginning.
    head = received[: head_end + 2].lower()
    body = head_end + len(_HEAD_END)
    place = head.find(_LENGTH)
    if place >= 0:
        start = place + len(_LENGTH)
        end = body + int(head[start : head.index(b"\r", start)])
        return end if len(received) >= end else None
    if _CHUNKED in head:
        # A chunk of JSON holds no line break, so the mark is the last chunk's.
        last = received.find(_LAST_CHUNK, head_end + 2)
        return None if last < 0 else last + len(_LAST_CHUNK)
    return body


def succeeded(received: bytes) -> bool:
    """Return whether an answer's status is one of success."""
    return received.startswith(b"HTTP/1.1 2")


def status_of(received: bytes) -> int:
    """Return an answer's status."""
    return int(received[9:12])


def body_of(received: bytes) -> bytes:
    """Return the body of an answer that is there whole and has a length."""
    return received[received.index(_HEAD_END) + len(_HEAD_END) : answer_end(received)]
