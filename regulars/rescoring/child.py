"""Rescoring in a process of its own beside the server: started, watched and stopped with it."""

from __future__ import annotations

import logging
import logging.config
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any, Final

from regulars.settings import Settings

if TYPE_CHECKING:
    from regulars.rescoring.watch import Rescoring, Step

_LOG = logging.getLogger("regulars.rescoring")

_FIRST_PAUSE_SECONDS: Final = 1.0
_LONGEST_PAUSE_SECONDS: Final = 60.0
# A process that ran this long failed for a reason of its own: the next starts without delay.
_STABLE_AFTER_SECONDS: Final = 600.0
_TERMINATION_SECONDS: Final = 5.0
# Below the workers' priority: requests come first.
_NICENESS: Final = 10


@contextmanager
def rescoring_beside(settings: Settings) -> Iterator[None]:
    """Rescore in a child process while the block runs; the process is restarted if it ends."""

    def child() -> Any:
        context = multiprocessing.get_context("spawn")
        return context.Process(target=_rescore, args=(settings,), daemon=True, name="rescore")

    stopping = threading.Event()
    keeper = threading.Thread(target=keep_running, args=(child, stopping), daemon=True)
    keeper.start()
    try:
        yield
    finally:
        stopping.set()
        keeper.join(2 * _TERMINATION_SECONDS)


def keep_running(
    make: Callable[[], Any], stopping: threading.Event, pause_seconds: float = _FIRST_PAUSE_SECONDS
) -> None:
    """Start a process, restart it after growing pauses whenever it ends, and stop it in the end.

    Parameters
    ----------
    make
        Returns a new :class:`multiprocessing.Process`, not yet started.
    stopping
        Set by the caller to end the process and return.
    """
    pause = pause_seconds
    while not stopping.is_set():
        process, began = make(), time.monotonic()
        process.start()
        while process.is_alive() and not stopping.is_set():
            wait([process.sentinel], timeout=0.2)
        if stopping.is_set():
            _end(process)
            return
        if time.monotonic() - began > _STABLE_AFTER_SECONDS:
            pause = pause_seconds
        # A signal to the whole group of processes may reach this one first.
        if process.exitcode != -signal.SIGTERM:
            _LOG.warning("rescoring ended with exit code %s; restarting", process.exitcode)
        stopping.wait(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


def _end(process: Any) -> None:
    """End a process; that is safe at any time, for it writes in transactions."""
    process.terminate()
    process.join(_TERMINATION_SECONDS)
    if process.is_alive():
        process.kill()
        process.join()


def _rescore(settings: Settings) -> None:
    """Run in the child: rescore until the parent ends it or is gone."""
    # Ctrl+C reaches both processes; the parent handles it for both.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_NICENESS)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    from serving.http.logs import logging_settings

    logging.config.dictConfig(logging_settings(access_log=False))
    try:
        rescore_forever(settings, lambda _step: None)
    except Exception:  # noqa: BLE001 - whatever it is, a new process is started
        # The log format writes only its kind: the message may quote what was sent.
        _LOG.exception("rescoring failed")
        sys.exit(1)


def rescore_forever(settings: Settings, on_step: Callable[[Step], None]) -> None:
    """Rescore until interrupted; ``on_step`` is called with each step that scored somebody."""
    from regulars.rescoring.watch import watch

    with _opened(settings) as rescoring:
        watch(rescoring, time.sleep, on_step)


def rescore_once(settings: Settings) -> Iterator[Step]:
    """Rescore every customer who is waiting now, and yield each step.

    Raises
    ------
    RegularsError
        The store, a model or the shop's history is not available.
    """
    with _opened(settings) as rescoring:
        step = rescoring.step()
        yield step
        while step.more:
            yield (step := rescoring.step())


@contextmanager
def _opened(settings: Settings) -> Iterator[Rescoring]:
    # One core, the rest is the server's; set before any library reads it.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from regulars.rescoring.watch import Rescoring, utc_now
    from serving.storage.sql_store import SqlStore

    store = SqlStore(settings.database_url)
    rescoring = Rescoring(settings, store.scores, utc_now)
    try:
        yield rescoring
    finally:
        rescoring.close()
        store.close()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(0)
