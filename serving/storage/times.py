"""Times as the store keeps them: UTC without a zone, which SQLite cannot keep."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

_WITHOUT_ZONE: Final = len("2026-06-02 12:00:00.000000")


def without_zone(ts: datetime) -> datetime:
    """Return a time with its zone as the store keeps it."""
    return ts.astimezone(UTC).replace(tzinfo=None)


def written(ts: datetime) -> str:
    """Return a time with its zone as SQLAlchemy writes it in SQLite."""
    in_utc = ts if ts.tzinfo is UTC else ts.astimezone(UTC)
    return in_utc.isoformat(" ", "microseconds")[:_WITHOUT_ZONE]
