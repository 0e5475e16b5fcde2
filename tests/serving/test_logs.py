"""Every line of the log is one JSON object, and none repeats what was sent."""

from __future__ import annotations

import json
import logging
import sys

from serving.http.logs import JsonLines, logging_settings


def written(record: logging.LogRecord) -> dict[str, object]:
    line = JsonLines().format(record)
    assert "\n" not in line
    said: dict[str, object] = json.loads(line)
    return said


def record(name: str, message: str, *, error: bool = False) -> logging.LogRecord:
    caught = sys.exc_info() if error else None
    made = logging.LogRecord(name, logging.ERROR, "file.py", 1, message, None, caught)
    made.created = 1_780_000_000.25
    return made


def test_a_line_of_the_server_is_opened_up_and_dated() -> None:
    assert written(record("regulars.access", '{"status": 200}')) == {
        "time": "2026-05-28T20:26:40.250+00:00",
        "level": "error",
        "logger": "regulars.access",
        "status": 200,
    }


def test_words_of_others_become_a_message_whatever_they_look_like() -> None:
    assert written(record("uvicorn.error", "{not json\nat all"))["message"] == "{not json\nat all"


def test_of_an_error_its_kind_and_place_are_kept_and_not_its_words() -> None:
    try:
        int("ada@example.org")
    except ValueError:
        line = written(record("uvicorn.error", "Exception in ASGI application", error=True))
    assert line["error"] == "ValueError"
    assert "test_of_an_error" in str(line["traceback"])
    assert "invalid literal" not in str(line)


def test_of_a_task_whose_error_was_never_retrieved_no_message_is_logged() -> None:
    said = "Task exception was never retrieved\nfuture: <Task exception=KeyError('ada')>"
    line = written(record("asyncio", said))
    assert line["message"] == "Task exception was never retrieved"
    assert "ada" not in str(line)


def test_every_logger_writes_each_record_once_as_a_line_of_json() -> None:
    settings = logging_settings(access_log=True)
    assert settings["root"]["handlers"] == ["stdout"]
    assert not any(each["propagate"] for each in settings["loggers"].values())


def test_the_access_log_can_be_silenced_and_errors_are_still_logged() -> None:
    quiet = logging_settings(access_log=False)["loggers"]
    assert quiet["regulars"]["level"] == "WARNING"
    assert logging_settings(access_log=True)["loggers"]["regulars"]["level"] == "INFO"
