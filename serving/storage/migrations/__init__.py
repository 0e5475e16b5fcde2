"""The store's tables through the versions: each step is a file in ``versions``.

Steps are numbered and never changed once released; a new one is added with its inverse.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import sqlalchemy as sql

_VERSIONS: Final = Path(__file__).parent / "versions"
_VERSION: Final = sql.table("alembic_version", sql.column("version_num"))


def upgrade(connection: sql.Connection) -> None:
    """Bring a database, empty or of any earlier version, to the newest tables."""
    if _version(connection) == _newest():
        return
    # Here, not above: most workers find nothing to do, and Alembic is 6 MB in memory.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_VERSIONS.parent))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _version(connection: sql.Connection) -> str | None:
    if not sql.inspect(connection).has_table(_VERSION.name):
        return None
    return connection.scalar(sql.select(_VERSION.c.version_num))


def _newest() -> str:
    """Return the revision of the last step: the number in the name of its file."""
    last = max(path.stem for path in _VERSIONS.glob("r[0-9]*_*.py"))
    return last.partition("_")[0].removeprefix("r")
