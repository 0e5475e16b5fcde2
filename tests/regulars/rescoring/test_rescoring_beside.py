"""Rescoring beside the server: errors are survived, and who rescores lives as long as it does."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pandas as pd
import pytest

from features.errors import DataError
from regulars.rescoring.child import keep_running
from regulars.rescoring.records import fresh_records, order_of
from regulars.rescoring.watch import POLL_SECONDS, Step, watch

TS = datetime(2026, 7, 1, 10)  # noqa: DTZ001  the store's times are naive UTC
PRICES = {"p1": 5.0}
TABLES = ("orders", "events", "surveys")


class Scripted:
    """Takes the steps that it is told, and fails where it is told to."""

    def __init__(self, *outcomes: Step | Exception) -> None:
        self.outcomes = list(outcomes)
        self.closed = 0

    def step(self) -> Step:
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def close(self) -> None:
        self.closed += 1


class Done(BaseException):
    """Ends a loop that has no end of its own."""


def pauses(rescoring: Any) -> tuple[list[float], list[Step]]:
    """Return how long the loop sleeps after each outcome, and of which steps it tells."""
    slept: list[float] = []
    steps: list[Step] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if not rescoring.outcomes:
            raise Done

    with pytest.raises(Done):
        watch(rescoring, sleep, steps.append)
    return slept, steps


def test_errors_are_met_later_and_later_and_forgotten_once_it_goes_well() -> None:
    away = DataError("the store is away", "bring it back")
    rescoring = Scripted(*[away] * 6, Step(), away)
    slept, steps = pauses(rescoring)
    assert slept == [6, 12, 24, 48, 60, 60, POLL_SECONDS, 6]
    assert rescoring.closed == 7, "whatever was open may be what failed"
    assert steps == []


def test_an_unexpected_error_ends_the_process() -> None:
    with pytest.raises(ZeroDivisionError):
        pauses(Scripted(Step(), ZeroDivisionError()))


def test_who_waits_already_is_not_kept_waiting() -> None:
    full, last = Step(5_000, 12.0, more=True), Step(3, 1.0)
    slept, steps = pauses(Scripted(full, full, last, Step()))
    assert slept == [0, 0, POLL_SECONDS, POLL_SECONDS]
    assert steps == [full, full, last]
    assert last.summary == "Scored 3 customers again, 1 s after the first event"


class Process:
    """A process that ends at once, or when it is told to."""

    def __init__(self, *, ends: bool, exitcode: int = 1) -> None:
        self.exitcode = exitcode
        self.sentinel, self._writing = os.pipe()
        self._ends = ends
        self.started = self.terminated = False

    def start(self) -> None:
        self.started = True
        if self._ends:
            os.close(self._writing)

    def is_alive(self) -> bool:
        return self.started and not self._ends and not self.terminated

    def terminate(self) -> None:
        self.terminated = True

    def join(self, _seconds: float) -> None:
        pass


def test_a_process_that_ends_is_started_again_and_ended_with_the_server() -> None:
    made = [Process(ends=True), Process(ends=True), Process(ends=False)]
    stopping, coming = threading.Event(), iter(made)

    def make() -> Process:
        process = next(coming)
        if process is made[-1]:
            threading.Timer(0.05, stopping.set).start()
        return process

    keep_running(make, stopping, pause_seconds=0.001)
    assert [process.started for process in made] == [True] * 3
    assert [process.terminated for process in made] == [False, False, True]


@pytest.mark.parametrize(
    ("exitcode", "told"),
    [
        (1, ["rescoring ended with exit code 1; restarting"]),
        (-signal.SIGKILL, ["rescoring ended with exit code -9; restarting"]),
        # The server is being stopped, and its whole group of processes was told.
        (-signal.SIGTERM, []),
    ],
)
def test_only_an_unexpected_end_is_reported(
    exitcode: int, told: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    made, stopping = [Process(ends=True, exitcode=exitcode)], threading.Event()

    def make() -> Process:
        if made:
            return made.pop()
        stopping.set()
        return Process(ends=False)

    with caplog.at_level(logging.WARNING, "regulars.rescoring"):
        keep_running(make, stopping, pause_seconds=0.001)
    assert [record.getMessage() for record in caplog.records] == told


def sent(kind: str, event_id: str = "e1", **fields: Any) -> dict[str, Any]:
    nothing = dict.fromkeys(
        ("product_id", "session_id", "order_id", "quantity", "unit_price", "query", "survey",
         "score")
    )  # fmt: skip
    given = {"event_id": event_id, "event_type": kind, "ts": TS, "customer_id": "ann"}
    return nothing | given | fields


def orders(*events: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    frame = fresh_records(events, TABLES, PRICES).get("orders", pd.DataFrame())
    names = ["order_id", "product_id", "quantity", "unit_price"]
    return frame[names].itertuples(index=False, name=None) if len(frame) else iter(())


def test_a_purchase_is_an_order_line_and_a_return_one_of_negative_quantity() -> None:
    events = [
        sent("purchase", product_id="p1", order_id="o1", quantity=3.0, unit_price=4.0),
        sent("return", "e2", product_id="p1", order_id="o1", unit_price=4.0),
    ]
    assert list(orders(*events)) == [("o1", "p1", 3, 4), ("o1", "p1", -1, 4)]
    assert order_of(sent("purchase", "e7")) == "e7"


def test_what_an_event_leaves_out_is_one_unit_at_the_catalogues_price() -> None:
    assert list(orders(sent("purchase", product_id="p1"))) == [("e1", "p1", 1, 5)]
    free = sent("purchase", product_id="p1", unit_price=0.0)
    assert list(orders(free)) == [("e1", "p1", 1, 0)]
    assert list(orders(sent("purchase", product_id="unheard of"))) == []


def test_records_are_of_tables_that_the_shop_has() -> None:
    events = [
        sent("view", product_id="p1"),
        sent("search", "e2", query="tea"),
        sent("survey", "e3", survey="nps", score=9.0),
    ]
    found = fresh_records(events, TABLES, PRICES)
    assert found["events"]["event_type"].tolist() == ["view", "search"]
    assert found["events"]["query"].tolist()[1] == "tea"
    assert found["surveys"][["survey", "score"]].to_numpy().tolist() == [["nps", 9.0]]
    assert fresh_records(events, ("orders",), PRICES) == {}
    assert found["events"]["ts"].tolist() == [pd.Timestamp(TS)] * 2
