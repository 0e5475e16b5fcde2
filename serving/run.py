"""Run the server: one worker, or several processes on one socket."""

from __future__ import annotations

import errno
import gc
import os
import socket
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pyarrow as pa
import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from features.errors import SettingsError
from serving.app import create_app
from serving.bundles import BundleFolder
from serving.decisions.policies.settings import BEST_BY_VALUE, PolicySettings
from serving.http.connections import bounded_connections
from serving.http.keys import Keys, load_keys, refuse_open_bind
from serving.http.logs import logging_settings
from serving.http.metrics import MULTIPROCESS_FOLDER
from serving.storage.sql_store import SqlStore

_WORKER_CHECK_SECONDS: Final = 120
SHUTDOWN_SECONDS: Final = 30
# Beyond those freed again, before the garbage collector looks for circles: by default 700.
_NEW_OBJECTS: Final = 10_000


def serve(
    bundles_root: Path,
    host: str,
    port: int,
    database_url: str,
    keys_path: Path | None = None,
    policies: PolicySettings = BEST_BY_VALUE,
    *,
    workers: int = 1,
    access_log: bool = True,
) -> None:
    """Serve the active bundle until interrupted.

    Parameters
    ----------
    database_url
        Of the store of events and decisions, in SQLAlchemy's form.
    keys_path
        None serves this machine only, without keys.
    policies
        How next best offers are explored and compared.
    workers
        Processes that answer; they share the bundle's memory and read each other's events.
    access_log
        Whether to print one line per request.

    Raises
    ------
    RegularsError
        Before anything is served: no bundle, no store, no keys, or the port is taken.
    """
    keys = None if keys_path is None else load_keys(keys_path)
    refuse_open_bind(host, keys)
    read_keys = None if keys_path is None else partial(load_keys, keys_path)
    application = partial(make_application, bundles_root, database_url, read_keys, policies)
    with bind(host, port) as listening, ExitStack() as stack:
        if workers == 1:
            # Objects frozen for speed must be collectable again when Python shuts down.
            stack.callback(gc.unfreeze)
            config = _config(application(), access_log=access_log)
            uvicorn.Server(config).run(sockets=[listening])
            return
        # A bundle or store that cannot be opened is reported here, once, not by every worker.
        BundleFolder(bundles_root).load()
        SqlStore(database_url).close()
        counts = stack.enter_context(TemporaryDirectory(prefix="regulars-metrics-"))
        os.environ[MULTIPROCESS_FOLDER] = counts
        listening.set_inheritable(True)
        config = _config(application, access_log=access_log, workers=workers)
        Multiprocess(config, sockets=[listening]).run()


def make_application(
    bundles_root: Path,
    database_url: str,
    read_keys: Callable[[], Keys] | None,
    policies: PolicySettings,
) -> FastAPI:
    """Return the application on the real bundles, store and clock.

    Each worker makes its own, one that takes the place of another too: keys are read here.
    """
    app = create_app(
        BundleFolder(bundles_root),
        SqlStore(database_url),
        None if read_keys is None else read_keys(),
        lambda: datetime.now(UTC),
        policies=policies,
        read_keys=read_keys,
    )
    # The bundle's objects live as long as the process: the garbage collector may skip them.
    gc.collect()
    gc.freeze()
    # What requests leave behind for a moment is no reason to look through all that is kept.
    gc.set_threshold(_NEW_OBJECTS)
    # Nor does Arrow keep what opening it took.
    pa.default_memory_pool().release_unused()
    return app


def _config(
    application: FastAPI | Callable[[], FastAPI], *, access_log: bool, workers: int = 1
) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        factory=workers > 1,
        workers=workers,
        http=bounded_connections(),
        ws="none",
        # A worker that is merely slow to start, as on a busy machine, must not be killed.
        timeout_worker_healthcheck=_WORKER_CHECK_SECONDS,
        # How long requests in flight have to finish when the server stops.
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        access_log=False,
        server_header=False,
        log_config=logging_settings(access_log=access_log),
    )


def bind(host: str, port: int) -> socket.socket:
    """Return a socket bound to the address, before the slow part of starting.

    Raises
    ------
    SettingsError
        When the port is taken or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise SettingsError(
                f"port {port} is taken on {host}",
                f"Stop what listens there, or use --port {port + 1}.",
            ) from error
        raise SettingsError(
            f"cannot listen on {host}:{port}: {error.strerror}", "Use --host and --port to change."
        ) from error
    return listening
