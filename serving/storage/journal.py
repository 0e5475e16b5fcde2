"""The journal's order: whoever writes a group takes a turn, so that groups are seen in order.

A worker that has read group 7 never asks for group 6 again. So 6 must be visible before 7 is.
"""

from __future__ import annotations

import os
from datetime import datetime
from typing import Final

import sqlalchemy as sql

_LOCK: Final = 7_348_127  # any number that no other program locks


def group_id(at: datetime) -> str:
    """Return an id of a new group: later ones are larger, which is quick to add to an index."""
    return f"{int(at.timestamp() * 1_000):012x}{os.urandom(10).hex()}"


def take_turn(connection: sql.Connection) -> None:
    """Let nobody else write groups until the transaction ends; to be called before any other."""
    if connection.dialect.name == "postgresql":
        connection.execute(sql.select(sql.func.pg_advisory_xact_lock(_LOCK)))
    else:
        # At once, so that nothing that is read before writing can be out of date.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
