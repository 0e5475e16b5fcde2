"""PostgreSQL's own programs, and the user to run them as."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any


class NotInstalledError(Exception):
    """A program that is needed is not on this machine."""


def find_program(name: str) -> str:
    """Find a program on the path, or where Debian keeps the versions of PostgreSQL."""
    kept = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = shutil.which(name) or (str(kept[-1]) if kept else None)
    if found is None:
        raise NotInstalledError(f"PostgreSQL is not installed: there is no program {name}")
    return found


def server_user(folder: Path) -> dict[str, Any]:
    """Return the user to run the server as, who then owns ``folder``: it refuses to run as root.

    Returns
    -------
    Arguments of :func:`subprocess.run`; none where this process does not run as root.
    """
    if os.getuid() != 0:
        return {}
    import pwd  # noqa: PLC0415  on Unix only

    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = known.get("postgres") or known["nobody"]
    os.chown(folder, entry.pw_uid, entry.pw_gid)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
