"""Run the server: one process, one worker."""

from __future__ import annotations

import errno
import gc
import logging
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import uvicorn

from features.errors import SettingsError
from serving.app import create_app
from serving.bundles import BundleFolder
from serving.keys import load_keys, refuse_open_bind
from serving.store import SqlStore

# One JSON line per request, by the server's own loggers; the rest speaks of trouble only.
_LOGGING: Final[dict[str, Any]] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(message)s"}},
    "handlers": {
        "stdout": {
            "class": "logging.StreamHandler",
            "formatter": "plain",
            "stream": "ext://sys.stdout",
        }
    },
    "loggers": {
        "regulars": {"handlers": ["stdout"], "level": "INFO"},
        "uvicorn": {"handlers": ["stdout"], "level": "WARNING"},
    },
}


def serve(
    bundles_root: Path,
    host: str,
    port: int,
    database_url: str,
    keys_path: Path | None = None,
    *,
    access_log: bool = True,
) -> None:
    """Serve the active bundle until interrupted.

    Parameters
    ----------
    database_url
        Of events and decisions, as SQLAlchemy writes it.
    keys_path
        None serves this machine only, without keys.
    access_log
        Whether to print one line per request.

    Raises
    ------
    RegularsError
        Before anything is served: no bundle, no store, no keys, or the port is taken.
    """
    keys = None if keys_path is None else load_keys(keys_path)
    refuse_open_bind(host, keys)
    with bind(host, port) as listening:
        app = create_app(
            BundleFolder(bundles_root), SqlStore(database_url), keys, lambda: datetime.now(UTC)
        )
        # The bundle's objects live as long as the process: no collection need look at them.
        gc.collect()
        gc.freeze()
        config = uvicorn.Config(app, access_log=False, server_header=False, log_config=_LOGGING)
        if not access_log:
            # Only now: making the configuration has just set the levels.
            logging.getLogger("regulars").setLevel(logging.WARNING)
        uvicorn.Server(config).run(sockets=[listening])


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
