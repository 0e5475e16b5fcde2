"""The log: one JSON object a line, whoever writes it; nothing that was sent, nothing of a person.

The server's own lines are JSON already; what libraries say in words becomes ``message``, and of an
exception only its kind and where it happened are kept: its own words may quote a request.
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
        "regulars": {"handlers": ["stdout"], "level": "INFO"},
        "uvicorn": {"handlers": ["stdout"], "level": "WARNING"},
    },
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
        return orjson.dumps(line | _said(record)).decode()


def logging_settings(*, access_log: bool) -> dict[str, Any]:
    """Return how the server logs, as :func:`logging.config.dictConfig` reads it."""
    settings = deepcopy(_LOGGING)
    if not access_log:
        settings["loggers"]["regulars"]["level"] = "WARNING"
    return settings


def _said(record: logging.LogRecord) -> dict[str, Any]:
    text = record.getMessage()
    ours = record.name.startswith("regulars.") and text.startswith("{")
    said: dict[str, Any] = orjson.loads(text) if ours else {"message": text}
    kind, _, trace = record.exc_info or (None, None, None)
    if kind is not None:
        said |= {"error": kind.__name__, "traceback": traceback.format_tb(trace)}
    return said
