"""The store's tables through the versions: each step is a file in ``versions``.

Steps are numbered and never changed once released; a new one is added with its inverse.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sql
from alembic import command
from alembic.config import Config


def upgrade(connection: sql.Connection) -> None:
    """Bring a database, empty or of any earlier version, to the newest tables."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
