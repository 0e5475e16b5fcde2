"""The log: one JSON object per line, without anything that was sent or that is about a person.

The server's own lines are JSON already; a library's text becomes ``message``. Of an exception only
its class and traceback are logged: its message may quote a request.
"""

from __future__ import annotations

import logging
import traceback
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any, Final

import orjson

_LOGGING: Final[dict[str, Any]] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "serving.http.logs.JsonLines"}},
    "handlers": {
        "stdout": {
            "class": "logging.StreamHandler",
            "formatter": "json",
            "stream": "ext://sys.stdout",
        }
    },
    "loggers": {
        "regulars": {"handlers": ["stdout"], "level": "INFO", "propagate": False},
        "uvicorn": {"handlers": ["stdout"], "level": "WARNING", "propagate": False},
    },
    # All other loggers: they would print in formats of their own.
    "root": {"handlers": ["stdout"], "level": "WARNING"},
}


class JsonLines(logging.Formatter):
    """Writes a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        return orjson.dumps(line | _content(record)).decode()


def logging_settings(*, access_log: bool) -> dict[str, Any]:
    """Return how the server logs, as :func:`logging.config.dictConfig` reads it."""
    settings = deepcopy(_LOGGING)
    if not access_log:
        settings["loggers"]["regulars"]["level"] = "WARNING"
    return settings


def error_fields(error: BaseException) -> dict[str, Any]:
    """Return what may be logged of an error: its class and where it happened."""
    return {
        "error": type(error).__name__,
        "traceback": traceback.format_tb(error.__traceback__),
    }


def _content(record: logging.LogRecord) -> dict[str, Any]:
    text = record.getMessage()
    ours = record.name.startswith("regulars.") and text.startswith("{")
    if record.name == "asyncio":
        # Below it quotes the task and its error, and with these perhaps a request.
        text = text.partition("\n")[0]
    content: dict[str, Any] = orjson.loads(text) if ours else {"message": text}
    error = record.exc_info[1] if record.exc_info else None
    return content if error is None else content | error_fields(error)
